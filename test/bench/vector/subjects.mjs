/** Who is measured: engines started, indexes built, one subject per curve. What cannot be had is named and left out. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startEngine } from "./engine-process.mjs";
import { describeFamily, FLAT_SETTINGS, GRAPH_SETTINGS, RESCORE_SETTINGS, thinOut } from "./families.mjs";

const peer = (name) => fileURLToPath(new URL(`../peers/vector/${name}.mjs`, import.meta.url));
const OURS = fileURLToPath(new URL("./ours.mjs", import.meta.url));

/** Names for `--only`. "lancedb" searches our files, "lancedb-own" builds its own as well. */
export const ENGINES = ["ours", "lancedb", "lancedb-own", "hnswlib-wasm", "edgevec", "usearch", "plain-loop"];

const LIBRARIES = [
  { name: "hnswlib-wasm", label: "hnswlib-wasm", family: "graph", settings: GRAPH_SETTINGS },
  { name: "edgevec", label: "edgevec", family: "binary", settings: RESCORE_SETTINGS },
  { name: "usearch", label: "usearch, native", family: "graph", settings: GRAPH_SETTINGS },
];

/**
 * @param run  `{ job, families, only, quick, report, numPartitions }`
 * @returns `{ subjects, engines, skipped }`; a subject is `{ family, label, engineName, engine, index, settings, build }`
 */
export async function prepareSubjects(run) {
  const { job, only, report } = run;
  const wanted = (name) => only.includes(name);
  const [engines, subjects, skipped] = [[], [], []];
  const start = async (name, script, options) => {
    const engine = startEngine(script, options);
    try {
      const { version } = await engine.call("start", { job: { ...job, workers: options.workers ?? 1 } });
      engines.push(engine);
      return Object.assign(engine, { version });
    } catch (error) {
      skipped.push({ name, reason: firstLine(error.message) });
      await engine.close();
      return undefined;
    }
  };
  const build = async (subject) => {
    report(`building ${subject.family} by ${subject.label}`);
    try {
      subject.build = await subject.engine.call("build", { index: subject.index });
      subjects.push(subject);
      return true;
    } catch (error) {
      skipped.push({ name: `${subject.family} by ${subject.label}`, reason: firstLine(error.message) });
      return false;
    }
  };

  const ours = await start("ours", OURS, { oneThread: true });
  const native =
    wanted("lancedb") || wanted("lancedb-own")
      ? await start("LanceDB", peer("lancedb"), { oneThread: true })
      : undefined;
  if (ours && wanted("ours")) {
    subjects.push(flatSubject("lancelet, from files", "ours", ours, job));
    const kept = flatSubject("lancelet, file ranges kept (cacheBytes)", "ours kept", ours, job);
    kept.index.openOptions = keepColumn(job);
    subjects.push(kept);
    // One partition is all rows, held as the kernels scan them.
    const whole = flatSubject("lancelet, IVF_FLAT of one partition", "ours whole", ours, job);
    whole.index = { ...wholeIndex(job), openOptions: keepColumn(job) };
    whole.settings = [{ nprobes: 1 }];
    await build(whole);
  }
  if (native) subjects.push(flatSubject("LanceDB", "lancedb", native, job));
  if (wanted("plain-loop")) {
    const engine = await start("plain loop", peer("plain-loop"), { oneThread: true });
    if (engine) subjects.push(flatSubject("plain JavaScript loop", "plain-loop", engine, job));
  }
  for (const family of run.families) {
    const plan = describeFamily(family, { ...job, numPartitions: run.numPartitions, quick: run.quick });
    const index = { family, params: plan.params, path: join(job.work, `ours-${family}.lance`) };
    const common = { family, settings: plan.settings, readSetting: plan.readSetting };
    const built = ours && (await build({ ...common, label: "lancelet", engineName: "ours", engine: ours, index }));
    if (native && built && wanted("lancedb")) {
      subjects.push({ ...common, label: "LanceDB, our files", engineName: "lancedb", engine: native, index });
    }
    if (native && wanted("lancedb-own")) {
      const own = { ...index, path: join(job.work, `native-${family}.lance`) };
      await build({ ...common, label: "LanceDB", engineName: "lancedb own", engine: native, index: own });
    }
  }
  for (const { name, label, family, settings } of LIBRARIES.filter((each) => wanted(each.name))) {
    const engine = await start(label, peer(name), { oneThread: true });
    if (engine) {
      await build({ family, label, engineName: name, engine, index: {}, settings: thinOut(settings, run.quick) });
    }
  }
  return { subjects, engines, skipped };
}

/**
 * The same on all cores: our indexes built by the pool (one segment a worker), LanceDB with its own choice of threads.
 * Only settings that shone on one thread are asked.
 *
 * @param single  subjects of one thread, measured
 */
export async function preparePool(run, single, workers) {
  const { job, report } = run;
  const [engines, subjects, skipped] = [[], [], []];
  const scripts = {
    ours: OURS,
    "ours kept": OURS,
    lancedb: peer("lancedb"),
    "lancedb own": peer("lancedb"),
    usearch: peer("usearch"),
  };
  const started = new Map();
  const startOnce = async (name) => {
    const script = scripts[name];
    if (!started.has(script)) {
      const engine = startEngine(script, { oneThread: false });
      engines.push(engine);
      await engine.call("start", { job: { ...job, workers } });
      started.set(script, engine);
    }
    return started.get(script);
  };
  for (const subject of single.filter(({ engineName }) => engineName in scripts)) {
    try {
      const engine = await startOnce(subject.engineName);
      const pooled = { ...subject, engine, settings: bestSettings(subject) };
      if (subject.engineName === "usearch") pooled.build = await engine.call("build", { index: {} });
      if (subject.engineName === "ours" && subject.index.family) {
        report(`building ${subject.family} with 1 and ${workers} workers`);
        const path = (count) => subject.index.path.replace("ours-", `pool-${count}-`);
        const one = { ...subject.index, path: path(1), buildWorkers: 1 };
        pooled.index = { ...subject.index, path: path(workers), buildWorkers: workers };
        pooled.oneWorker = await engine.call("build", { index: one });
        pooled.build = await engine.call("build", { index: pooled.index });
      }
      subjects.push(pooled);
    } catch (error) {
      skipped.push({ name: `${subject.family} by ${subject.label} on all cores`, reason: firstLine(error.message) });
    }
  }
  return { subjects, engines, skipped };
}

function bestSettings({ points }) {
  return points.filter(({ frontier }) => frontier).map(({ setting }) => setting);
}

function flatSubject(label, engineName, engine, { base }) {
  return { family: "no index", label, engineName, engine, index: { path: base }, settings: FLAT_SETTINGS };
}

function wholeIndex({ work }) {
  return { family: "IVF_FLAT", params: { numPartitions: 1 }, path: join(work, "whole.lance") };
}

/** Twice the bytes: a range above half of the cache is not kept. Over several workers a budget is shared. */
function keepColumn({ rows, dimension, memoryBudgetBytes }) {
  const bytes = 4 * rows * dimension;
  return { cacheBytes: 2 * bytes + 64e6, memoryBudgetBytes: Math.max(memoryBudgetBytes, 8 * bytes + 256e6) };
}

function firstLine(text) {
  const line = text.split("\n").find((each) => /error|cannot|can't|not/i.test(each)) ?? text.split("\n")[0];
  return line.trim().slice(0, 200);
}
