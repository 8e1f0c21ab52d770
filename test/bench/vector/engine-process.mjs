/** The parent's side of `child.mjs`: engines in processes of their own, one core or all. */
import { spawn, spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./child.mjs", import.meta.url));
/** One I/O thread as well would never end: native waits for itself. */
const ONE_THREAD = {
  LANCE_CPU_THREADS: "1",
  TOKIO_WORKER_THREADS: "1",
  RAYON_NUM_THREADS: "1",
  OMP_NUM_THREADS: "1",
};
const QUIET = { LANCE_LOG: "error", RUST_LOG: "error", LANCEDB_LOG: "error" };
const KEPT_ERRORS = 4000;

/** Where a process can be held on one core, this does it: threads that cannot be counted otherwise then count too. */
const pinning = findPinning();

function findPinning() {
  const core = String(cpus().length - 1);
  const works = process.platform === "linux" && spawnSync("taskset", ["-c", core, "true"]).status === 0;
  return works ? ["taskset", "-c", core] : [];
}

/** The command that runs another on one core, as far as this machine can. */
export function pin(command) {
  return [...pinning, ...command];
}

/** @returns "on one core" or "with one thread", for people */
export function describePinning() {
  return pinning.length > 0 ? "held on one core" : "told to use one thread";
}

/**
 * @param script  the engine's module, or a program that speaks the same lines (`command`)
 * @param options  `oneThread`; `command`: what runs the script instead of Node
 */
export function startEngine(script, { oneThread, command }) {
  const line = command ? [...command, script] : [process.execPath, CHILD, script];
  const [program, ...args] = oneThread ? pin(line) : line;
  const env = { ...process.env, ...QUIET, ...(oneThread ? ONE_THREAD : {}) };
  const child = spawn(program, args, { env, stdio: ["pipe", "ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (data) => {
    errors = (errors + data).slice(-KEPT_ERRORS);
  });
  const waiting = [];
  let ended;
  child.once("error", (error) => end(error.message));
  child.once("exit", (code, signal) => end(`ended with ${signal ?? `code ${code}`}: ${errors.trim()}`));
  child.stdin.on("error", () => {});
  function end(reason) {
    ended ??= new Error(reason);
    for (const { reject } of waiting.splice(0)) reject(ended);
  }
  createInterface({ input: child.stdio[3] }).on("line", (text) => {
    const { value, error } = JSON.parse(text);
    const { resolve, reject } = waiting.shift();
    if (error) reject(Object.assign(new Error(error.message), { code: error.code }));
    else resolve(value);
  });
  const call = (operation, request = {}) =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended);
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify({ operation, ...request })}\n`);
    });
  return {
    call,
    async close() {
      await call("close").catch(() => {});
      child.stdin.end();
      child.kill();
    },
  };
}
