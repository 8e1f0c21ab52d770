/**
 * One engine in a process of its own: `node child.mjs ENGINE.mjs`. Reads a request a line from stdin, answers a line on
 * file descriptor 3, one at a time: what libraries print is theirs.
 *
 * An engine's module exports `createEngine(job)`, which gives `{ version, build?(index), search(index, setting, query),
 * measureReads?(index, setting, queries), close?() }`; `search` answers row numbers. `job` is `run.mjs`'s.
 */
import { readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const ANSWERS = 3;
const { createEngine } = await import(pathToFileURL(process.argv[2]).href);
let engine;
let queries = [];

/** Wall and CPU seconds (all threads of this process) of a call. */
async function measure(run) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const value = await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { value, seconds, cpuSeconds: (user + system) / 1e6 };
}

const operations = {
  async start({ job }) {
    const floats = readFloats(job.queries);
    queries = Array.from({ length: floats.length / job.dimension }, (_, i) =>
      floats.slice(i * job.dimension, (i + 1) * job.dimension),
    );
    engine = await createEngine({ ...job, readVectors: () => readFloats(job.vectors) });
    return { version: engine.version };
  },
  async build({ index }) {
    const { value, seconds, cpuSeconds } = await measure(() => engine.build(index));
    // An engine that prepares something that is no part of a build measures the build itself.
    return { seconds, cpuSeconds, ...value };
  },
  /** Queries one after the other; seconds per chunk. */
  async search({ index, setting, from, to, chunk }) {
    const answer = { found: [], wall: [], cpu: [] };
    for (let at = from; at < to; at += chunk) {
      const part = queries.slice(at, Math.min(to, at + chunk));
      const { value, seconds, cpuSeconds } = await measure(async () => {
        const found = [];
        for (const query of part) found.push(await engine.search(index, setting, query));
        return found;
      });
      answer.found.push(...value.map((rows) => Array.from(rows, Number)));
      answer.wall.push(seconds);
      answer.cpu.push(cpuSeconds);
    }
    return answer;
  },
  /** Queries, so many at a time. */
  async throughput({ index, setting, from, to, inFlight }) {
    const asked = queries.slice(from, to);
    const { value, seconds, cpuSeconds } = await measure(async () => {
      if (engine.searchMany) return engine.searchMany(index, setting, asked);
      const found = new Array(asked.length);
      let next = 0;
      const work = async () => {
        for (let i = next++; i < asked.length; i = next++) found[i] = await engine.search(index, setting, asked[i]);
      };
      await Promise.all(Array.from({ length: inFlight }, work));
      return found;
    });
    return { found: value.map((rows) => Array.from(rows, Number)), seconds, cpuSeconds };
  },
  async reads({ index, setting, count }) {
    return engine.measureReads ? engine.measureReads(index, setting, queries.slice(0, count)) : null;
  },
  async close() {
    await engine?.close?.();
    return null;
  },
};

function readFloats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

for await (const text of createInterface({ input: process.stdin })) {
  const { operation, ...request } = JSON.parse(text);
  let answer;
  try {
    answer = { value: await operations[operation](request) };
  } catch (error) {
    answer = { error: { message: String(error?.message ?? error), code: error?.code } };
  }
  writeAll(`${JSON.stringify(answer)}\n`);
  if (operation === "close") break;
}
process.exit(0);

function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(ANSWERS, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}
