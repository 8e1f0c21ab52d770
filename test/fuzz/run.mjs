#!/usr/bin/env node
/**
 * npm run fuzz [-- --executions N] [--seed S] [--target NAME] [--workers N]: the decoders against hostile input.
 *
 * An execution is a function of the seed, the target and its number, so a run is the same on every machine and any
 * execution of it can be made again. Findings are written to test/fuzz/regressions; one is enough for exit code 1.
 *
 *   --executions  in all, shared among the targets by weight; default 10,000,000
 *   --seed        default 1
 *   --target      this one alone
 *   --workers     threads; default half of the processors
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

const { values } = parseArgs({
  options: {
    executions: { type: "string", default: "10000000" },
    seed: { type: "string", default: "1" },
    target: { type: "string" },
    workers: { type: "string", default: String(Math.max(1, availableParallelism() >> 1)) },
  },
});
const executions = Number(values.executions);
const seed = Number(values.seed);
/** Executions a thread is given at once; small enough that threads end together. */
const CHUNK = 5000;
/** An execution that takes longer is a hang. */
const HANG_MS = 20_000;
const REPORT_MS = 30_000;
/** Findings of one kind that are kept: the first show what is wrong. */
const KEPT = 3;

const directory = fileURLToPath(new URL("./regressions/", import.meta.url));
const started = performance.now();
const totals = new Map();
const findings = new Map();
let done = 0;
/** Tasks that are left; set once the first thread tells which targets there are. */
let tasks;
let planned = 0;

function planTasks(targets) {
  const wanted = targets.filter(({ name }) => values.target === undefined || name === values.target);
  if (wanted.length === 0)
    throw new Error(`no target "${values.target}": there are ${targets.map(({ name }) => name).join(", ")}`);
  const weights = wanted.reduce((sum, { weight }) => sum + weight, 0);
  const all = [];
  for (const { name, weight } of wanted) {
    const count = Math.ceil((executions * weight) / weights);
    planned += count;
    for (let start = 0; start < count; start += CHUNK) {
      all.push({ target: name, seed, start, end: Math.min(count, start + CHUNK), order: start / count });
    }
  }
  // All targets go on side by side, so that a run that is cut short has seen each of them.
  return all.sort((a, b) => a.order - b.order);
}

function addCounts({ target, start, end }, counts, ms) {
  const total = totals.get(target) ?? { executions: 0, ms: 0, counts: {} };
  total.executions += end - start;
  total.ms += ms;
  for (const [kind, count] of Object.entries(counts)) total.counts[kind] = (total.counts[kind] ?? 0) + count;
  totals.set(target, total);
  done += end - start;
}

function keep(task, { number, outcome: kind, finding, regression }) {
  const first = regression.finding.replace(/"[^"]*"|\d+/g, "#");
  const key = `${task.target}: ${first}`;
  const count = (findings.get(key) ?? 0) + 1;
  findings.set(key, count);
  if (count > KEPT) return;
  const text = `${JSON.stringify(regression, null, 1)}\n`;
  const name = `${task.target}-${kind}-${createHash("sha256").update(text).digest("hex").slice(0, 8)}.json`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(directory + name.replaceAll(" ", "-"), text);
  console.log(`FINDING in ${task.target}, execution ${number}: ${finding.split("\n").slice(0, 6).join("\n  ")}`);
}

function runThread() {
  return new Promise((resolve, reject) => {
    const progress = new Int32Array(new SharedArrayBuffer(4));
    let worker;
    let task;
    let startedAt = 0;
    let seen = { number: -1, at: 0 };
    const start = () => {
      worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: { progress } });
      worker.on("message", take);
      worker.on("error", reject);
    };
    /** Goes on with the execution after one that broke the thread. */
    const replace = async (next) => {
      const old = worker;
      worker = undefined;
      await old.terminate();
      if (next) tasks.unshift(next);
      task = undefined;
      start();
    };
    const next = () => {
      task = tasks.shift();
      if (!task) {
        clearInterval(watch);
        worker.terminate().then(resolve, reject);
        return;
      }
      startedAt = performance.now();
      seen = { number: -1, at: startedAt };
      Atomics.store(progress, 0, task.start);
      worker.postMessage(task);
    };
    const take = async (message) => {
      if (message.kind === "ready") {
        tasks ??= planTasks(message.targets);
        next();
      } else if (message.kind === "done") {
        addCounts(message.task, message.counts, performance.now() - startedAt);
        if (message.isFull) await replace(undefined);
        else next();
      } else {
        keep(message.task, message);
        if (message.outcome === "WORKER_FAILED") {
          addCounts({ ...message.task, end: message.number + 1 }, { WORKER_FAILED: 1 }, performance.now() - startedAt);
          await replace({ ...message.task, start: message.number + 1 });
        }
      }
    };
    const watch = setInterval(() => {
      const number = Atomics.load(progress, 0);
      const now = performance.now();
      if (!task || !worker) return;
      if (number !== seen.number) seen = { number, at: now };
      else if (now - seen.at > HANG_MS) {
        const key = `${task.target}: execution ${number} of seed ${seed} hung`;
        findings.set(key, 1);
        console.log(`FINDING ${key}`);
        addCounts({ ...task, end: number + 1 }, { hang: 1 }, now - startedAt);
        replace({ ...task, start: number + 1 }).catch(reject);
      }
    }, 1000);
    start();
  });
}

function report() {
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${new Date().toISOString()} ${done} of ${planned} executions in ${Math.round(seconds)} s, ` +
      `${Math.round(done / seconds)} a second, ${[...findings.values()].reduce((sum, count) => sum + count, 0)} findings`,
  );
}

const reporting = setInterval(report, REPORT_MS);
await Promise.all(Array.from({ length: Number(values.workers) }, runThread));
clearInterval(reporting);
report();
for (const [name, { executions: count, ms, counts }] of totals) {
  const rate = Math.round(count / (ms / 1000));
  console.log(`  ${name}: ${count} executions, ${rate} a second and thread; ${JSON.stringify(counts)}`);
}
for (const [key, count] of findings) console.log(`  ${count} × ${key}`);
process.exit(findings.size === 0 ? 0 : 1);
