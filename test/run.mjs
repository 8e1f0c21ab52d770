#!/usr/bin/env node
/**
 * `npm test`: installs what is missing and runs everything; the last line is `N passed, N failed`.
 *
 *   npm test                       all of it
 *   npm test -- node browser       only these steps (see STEPS)
 *
 * With CI=true nothing may be skipped, and the kernels are built again and the new ones tested.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { ensureChromium } from "./tools/ensure-chromium.mjs";
import { cacheFolder, ensurePackages, findNode, root } from "./tools/ensure-packages.mjs";
import { ensurePython } from "./tools/ensure-python.mjs";
import { probe, run } from "./tools/run.mjs";

const CI = process.env.CI === "true" || process.env.CI === "1";
const wasm = join(root, "wasm");
const bin = (name) => join(root, "node_modules", name);
const totals = { passed: 0, failed: 0 };
const failures = [];
const skipped = [];

/** One that is skipped where its tool is absent; a failure with CI=true. */
class Absent extends Error {}

const STEPS = {
  kernels: () => checkKernels(),
  check: () => checkCode(),
  build: () => runOne("build", findNode(), [join(root, "src", "build.mjs")]),
  node: () => runVitest("node"),
  plain: () => runVitest("plain"),
  browser: () => runVitest("browser"),
  interop: () => runInterop(),
  built: () => runVitest("built"),
  rust: () => runCargo(),
};

async function main(only) {
  const startedMs = performance.now();
  const unknown = only.filter((name) => !STEPS[name]);
  if (unknown.length > 0)
    throw new Error(`unknown step ${unknown.join(", ")}: expected ${Object.keys(STEPS).join(", ")}`);
  await ensurePackages();
  process.env.PATH = [join(findNode(), ".."), join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  process.env.CHROMIUM_PATH = await ensureChromium();
  await mkdir(cacheFolder, { recursive: true });
  console.log(
    `Node ${await probe(findNode(), ["--version"])}, ${process.env.CHROMIUM_PATH}, ${availableParallelism()} cores`,
  );

  const names = Object.keys(STEPS).filter((name) => only.length === 0 || only.includes(name));
  for (const [index, name] of names.entries()) {
    console.log(`\n[${index + 1}/${names.length}] ${name}`);
    const stepMs = performance.now();
    const failedBefore = totals.failed;
    try {
      await STEPS[name]();
    } catch (error) {
      if (error instanceof Absent && !CI) {
        skipped.push(`${name}: ${error.message}`);
        console.log(`  skipped: ${error.message}`);
      } else count(name, 0, 1, error.message);
    }
    const state = totals.failed > failedBefore ? "FAILED" : "done";
    console.log(`  ${name} ${state} in ${((performance.now() - stepMs) / 1000).toFixed(1)} s`);
  }

  console.log(`\n${((performance.now() - startedMs) / 1000).toFixed(0)} s in all`);
  for (const line of skipped) console.log(`skipped ${line}`);
  for (const line of failures) console.log(`failed ${line}`);
}

function count(label, passed, failed, message) {
  totals.passed += passed;
  totals.failed += failed;
  if (failed > 0) failures.push(failed === 1 && message ? `${label}: ${message}` : `${label}: ${failed} failed`);
}

/** A program that passes or fails as one. */
async function runOne(label, program, args, options = {}) {
  const { code, output, seconds } = await run(program, args, { cwd: root, label, ...options });
  if (code !== 0) {
    console.log(indent(output));
    return count(label, 0, 1, `${label} ended with ${code}`);
  }
  const last = output.trimEnd().split("\n");
  console.log(`  ${label}: passed in ${seconds.toFixed(1)} s`);
  if (options.tell) console.log(indent(last.join("\n")));
  count(label, 1, 0);
}

async function checkKernels() {
  const script = join(wasm, "build.mjs");
  if (!CI) return runOne("kernels belong to their sources", findNode(), [script, "--check"]);
  return runOne("kernels built again", findNode(), [script, "--verify", "--install"], { show: true });
}

async function checkCode() {
  const node = findNode();
  await runOne("biome", node, [bin("@biomejs/biome/bin/biome"), "check", "--error-on-warnings", "."]);
  await runOne("tsc", node, [bin("typescript/bin/tsc"), "-p", "tsconfig.json"]);
  await runOne("tsc without Node's types", node, [bin("typescript/bin/tsc"), "-p", "src/tsconfig.json"]);
}

/** One Vitest project; its own lines are the progress, its JSON report the counts. */
async function runVitest(project, env = {}) {
  const report = join(cacheFolder, `${project}.json`);
  await rm(report, { force: true });
  const args = ["run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code, output } = await run(findNode(), [bin("vitest/vitest.mjs"), ...args], {
    cwd: root,
    env: { NO_COLOR: "1", FORCE_COLOR: "0", ...env },
    show: true,
    label: `vitest ${project}`,
  });
  if (!existsSync(report)) return count(project, 0, 1, `vitest ended with ${code} and no report`);
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(await readFile(report, "utf8"));
  // A file that does not load has no tests of its own to fail.
  const unloaded = testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((each) => each.status === "failed"),
  );
  let failed = numFailedTests + unloaded.length;
  if (failed === 0 && code !== 0) failed = 1;
  if (failed === 0 && numPassedTests === 0) {
    console.log(indent(output));
    return count(project, 0, 1, "no test ran");
  }
  if (numPendingTests > 0) skipped.push(`${project}: ${numPendingTests} tests`);
  count(project, numPassedTests, failed, "see above");
}

async function runInterop() {
  const { python, absent } = await ensurePython();
  if (!python) throw new Absent(absent);
  return runVitest("interop", { LANCELET_PYTHON: python });
}

async function runCargo() {
  if (!(await probe("cargo", ["--version"])))
    throw new Absent("Rust is not installed, the kernels' own tests did not run");
  const { code, output } = await run("cargo", ["test", "--locked", "--workspace", "--quiet"], {
    cwd: wasm,
    label: "cargo test",
  });
  let passed = 0;
  let failed = 0;
  for (const match of output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)) {
    passed += Number(match[1]);
    failed += Number(match[2]);
  }
  if (code !== 0) {
    console.log(indent(output));
    failed = Math.max(1, failed);
  }
  console.log(`  cargo test: ${passed} passed, ${failed} failed`);
  count("cargo test", passed, failed, "see above");
  for (const [tool, args] of [
    ["fmt", ["fmt", "--all", "--check"]],
    ["clippy", ["clippy", "--locked", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]],
  ]) {
    if (await probe("cargo", [tool, "--version"])) await runOne(`cargo ${tool}`, "cargo", args, { cwd: wasm });
    else skipped.push(`cargo ${tool}: this Rust has no ${tool}`);
  }
}

function indent(text) {
  return text.trimEnd().replace(/^/gm, "    ");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`npm test: ${error.message}`);
  totals.failed++;
}
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed > 0 ? 1 : 0;
