import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The checkout. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The built package, as users get it; built first where it is not. */
export async function loadPackage() {
  const entry = join(root, "dist/node.js");
  if (!existsSync(entry)) execFileSync("npm", ["run", "build"], { cwd: root, stdio: "inherit" });
  return import(pathToFileURL(entry).href);
}

/** What we are measured against lives in a package of its own, installed at the first run. */
export const peers = join(root, "test/bench/peers");

export function installPeers() {
  if (existsSync(join(peers, "node_modules"))) return;
  console.log("Installing what to measure against (test/bench/peers) …");
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], { cwd: peers, stdio: "inherit" });
}

/** Seeded, so that every run asks the same. */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Least milliseconds of `repeat` runs, after one to warm up: other programs only ever add to a time. */
export async function time(repeat, run) {
  await run();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeat; i++) {
    const start = performance.now();
    await run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** One line of a comparison: a name, milliseconds, and how many times `base` that is. */
export function line(name, milliseconds, base) {
  const ratio = (milliseconds / base).toFixed(2).padStart(7);
  console.log(`  ${name.padEnd(62)} ${milliseconds.toFixed(2).padStart(9)} ms ${ratio} x`);
}
