/** Memory of a process and all it started, by the pages each really has: shared ones count once (Linux). */
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Whether the system tells it. */
export const canSample = existsSync("/proc/self/smaps_rollup");

/**
 * @param pid  the root of the tree
 * @returns `stop()`: the peak in bytes and how often it was looked at; `mark()`: the peak since the last mark
 */
export function samplePss(pid, { everyMs = 100 } = {}) {
  let [peak, since, samples] = [0, 0, 0];
  const sample = () => {
    const bytes = listTree(pid).reduce((sum, each) => sum + readPss(each), 0);
    peak = Math.max(peak, bytes);
    since = Math.max(since, bytes);
    samples++;
  };
  const timer = setInterval(sample, everyMs);
  return {
    mark() {
      sample();
      const bytes = since;
      since = 0;
      return bytes;
    },
    stop() {
      clearInterval(timer);
      return { peak, samples };
    },
  };
}

function listTree(root) {
  const parents = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const tree = new Set([root]);
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const [pid, parent] of parents) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree];
}

function readPss(pid) {
  try {
    const found = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return found ? Number(found[1]) * 1024 : 0;
  } catch {
    return 0;
  }
}
