import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { run } from "./run.mjs";

/** Must equal the version in Cargo.toml. */
const WASM_BINDGEN = "0.2.129";
const TARGET = "wasm32-unknown-unknown";

/**
 * Finds Rust with the WASM target, wasm-pack and wasm-opt, and sets up what is missing: first npm's wasm-pack beside
 * this folder (which brings its own wasm-bindgen), then setup-wasm.sh, which can do without a prebuilt wasm-pack.
 *
 * @returns env to build in; mode for wasm-pack; wasmOpt a script for Node; description of all that decides the bytes
 */
export async function findToolchain(root) {
  const wasmOpt = join(root, "..", "node_modules", "binaryen", "bin", "wasm-opt");
  if (!existsSync(wasmOpt)) throw new Error("binaryen is missing: run `npm install` first");
  const found =
    (await probe(await setupEnvironment())) ??
    (await probe(npmEnvironment(root))) ??
    (await installFromNpm(root)) ??
    (await runSetup(root));
  const version = async (program, args) => (await run(program, args, { env: found.env })).trim();
  const description = [
    await version("rustc", ["-V"]),
    `wasm-bindgen ${WASM_BINDGEN}`,
    await version(process.execPath, [wasmOpt, "--version"]),
  ].join("; ");
  return { ...found, wasmOpt, description };
}

/** What a set of programs can do: nothing, build with a wasm-bindgen that is there, or fetch its own. */
async function probe(env) {
  if (!env) return undefined;
  const succeeds = (program, args) => run(program, args, { env }).catch(() => undefined);
  const libdir = await succeeds("rustc", ["--print", "target-libdir", "--target", TARGET]);
  if (!libdir || !existsSync(libdir.trim()) || !(await succeeds("wasm-pack", ["--version"]))) return undefined;
  const bindgen = await succeeds("wasm-bindgen", ["--version"]);
  return { env, mode: bindgen?.trim() === `wasm-bindgen ${WASM_BINDGEN}` ? "no-install" : "normal" };
}

function npmEnvironment(root) {
  const paths = [join(root, "node_modules", ".bin"), join(homedir(), ".cargo", "bin"), process.env.PATH];
  return { ...process.env, PATH: paths.join(delimiter) };
}

async function setupEnvironment() {
  const file = join(process.env.WASM_HOME ?? join(homedir(), ".cache", "setup-wasm"), "env.sh");
  if (!existsSync(file)) return undefined;
  const text = await run("bash", ["-c", '. "$1" && env -0', "bash", file]);
  return Object.fromEntries(
    text
      .split("\0")
      .flatMap((line) =>
        line.includes("=") ? [[line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]] : [],
      ),
  );
}

async function installFromNpm(root) {
  const env = npmEnvironment(root);
  const hasRust = await run("rustc", ["-V"], { env }).catch(() => undefined);
  if (!hasRust) return undefined;
  console.log("wasm: installing wasm-pack from npm");
  try {
    await run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], { env, cwd: root, show: true });
  } catch {
    console.log("wasm: npm's wasm-pack could not be installed");
    return undefined;
  }
  // Ignored when there is no rustup: the probe says what is missing.
  await run("rustup", ["target", "add", TARGET], { env }).catch(() => undefined);
  return probe(env);
}

async function runSetup(root) {
  console.log("wasm: setting up the toolchain with setup-wasm.sh (some minutes)");
  await run("bash", [join(root, "setup-wasm.sh")], { show: true });
  const found = await probe(await setupEnvironment());
  if (!found) throw new Error("no Rust toolchain for WASM: see the output above");
  return found;
}
