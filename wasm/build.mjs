#!/usr/bin/env node
/**
 * Builds the kernels, or proves that the committed ones are theirs.
 *
 *   node wasm/build.mjs              build every module into wasm/pkg (needs Rust; sets up what is missing)
 *   node wasm/build.mjs --check      wasm/pkg belongs to these sources and is whole (needs nothing)
 *   node wasm/build.mjs --verify     build again elsewhere; the same toolchain must give the same bytes
 *   node wasm/build.mjs --verify --install   … and put the new build into wasm/pkg when the toolchain differs
 */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { hashFiles, hashOutputs, hashSources } from "./tools/hash.mjs";
import { run } from "./tools/run.mjs";
import { findToolchain } from "./tools/toolchain.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const pkg = join(here, "pkg");
const CRATES = ["core", "build"];
/**
 * Every module, and the crate and SIMD it is of. What reads is built twice: relaxed SIMD is faster, but each host rounds
 * it in its own way, so nothing that is stored is made with it.
 */
const MODULES = {
  core: { crate: "core", features: ["+simd128"], optFlags: [] },
  core_relaxed: { crate: "core", features: ["+simd128", "+relaxed-simd"], optFlags: ["--enable-relaxed-simd"] },
  build: { crate: "build", features: ["+simd128"], optFlags: [] },
};
/** Glue and declarations are the crate's. */
const glueOf = (crate) => [`${crate}/${crate}.js`, `${crate}/${crate}.d.ts`, `${crate}/${crate}_bg.wasm.d.ts`];
const wasmOf = (name) => `${MODULES[name].crate}/${name}_bg.wasm`;
const OUTPUTS = [...CRATES.flatMap(glueOf), ...Object.keys(MODULES).map(wasmOf)];

/** Everything beside the sources that decides the bytes: these flags of wasm-opt, and what the modules name. */
const OPT_FLAGS = [
  "-O3",
  // Rust's data begins at 1 MiB, so address + constant never wraps around: constants go into loads, up to a sixth faster.
  "--low-memory-unused",
  "--enable-simd",
  "--enable-bulk-memory",
  "--enable-mutable-globals",
  "--enable-sign-ext",
  "--enable-nontrapping-float-to-int",
  "--enable-multivalue",
  "--enable-reference-types",
  "--strip-debug",
  "--strip-producers",
];
const FLAGS = [...OPT_FLAGS, JSON.stringify(MODULES)].join(" ");

/**
 * Paths of this machine out of the modules: each registry's folder, whose name differs between hosts, and this one.
 * The sources are fetched first, so that the folders are there.
 */
async function remapPaths(env) {
  await run("cargo", ["fetch", "--locked"], { env, cwd: here });
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  const registries = join(cargoHome, "registry", "src");
  const names = existsSync(registries) ? await readdir(registries) : [];
  return [...names.sort().map((name) => `${join(registries, name)}=/cargo`), `${here}=/src`].map(
    (pair) => `--remap-path-prefix=${pair}`,
  );
}

async function buildInto(outDir, toolchain, targetDir) {
  const remap = await remapPaths(toolchain.env);
  for (const name of Object.keys(MODULES)) {
    console.log(`wasm: building ${name}`);
    await buildModule(name, { out: join(outDir, "..", name), remap, toolchain, targetDir });
    await collect(name, join(outDir, "..", name), outDir);
  }
}

async function buildModule(name, { out, remap, toolchain, targetDir }) {
  const { crate, features, optFlags } = MODULES[name];
  const rustFlags = [`-Ctarget-feature=${features.join(",")}`, ...remap].join(" ");
  const env = { ...toolchain.env, RUSTFLAGS: rustFlags, CARGO_TARGET_DIR: targetDir };
  delete env.CARGO_ENCODED_RUSTFLAGS;
  const args = ["--mode", toolchain.mode, "--release", "--target", "web", "--out-dir", out, "--out-name", crate];
  await run("wasm-pack", ["build", join(here, crate), ...args, "--", "--locked"], { env, cwd: here });
  const wasm = join(out, `${crate}_bg.wasm`);
  await run(process.execPath, [toolchain.wasmOpt, ...OPT_FLAGS, ...optFlags, wasm, "-o", wasm], { env, cwd: here });
}

/** Puts a module beside the others of its crate. One glue serves them all, so it must be the same. */
async function collect(name, from, outDir) {
  const { crate } = MODULES[name];
  await mkdir(join(outDir, crate), { recursive: true });
  await cp(join(from, `${crate}_bg.wasm`), join(outDir, wasmOf(name)));
  for (const path of glueOf(crate)) {
    const glue = await readFile(join(from, basename(path)));
    const other = await readFile(join(outDir, path)).catch(() => undefined);
    if (other && !glue.equals(other)) throw new Error(`wasm: ${name} wants other glue than ${crate}: ${path}`);
    await writeFile(join(outDir, path), glue);
  }
}

async function describeBuild(outDir, toolchain) {
  return {
    sources: await hashSources(here, CRATES, FLAGS),
    flags: FLAGS,
    toolchain: toolchain.description,
    outputs: await hashFiles(outDir, OUTPUTS),
  };
}

/** Each file is replaced in one step, so that a test that runs meanwhile never sees half of one. */
async function install(outDir, record) {
  for (const path of OUTPUTS) {
    await mkdir(dirname(join(pkg, path)), { recursive: true });
    await cp(join(outDir, path), join(pkg, `${path}.next`));
    await rename(join(pkg, `${path}.next`), join(pkg, path));
  }
  await writeFile(join(pkg, "hash.json"), `${JSON.stringify(record, null, 2)}\n`);
}

async function printSizes(dir) {
  for (const name of Object.keys(MODULES)) {
    const bytes = await readFile(join(dir, wasmOf(name)));
    const kb = (n) => `${(n / 1024).toFixed(1)} KB`;
    console.log(`wasm: ${name} ${kb(bytes.byteLength)}, brotli ${kb(brotliCompressSync(bytes).byteLength)}`);
  }
}

async function check() {
  if (!existsSync(join(pkg, "hash.json"))) throw new Error("wasm/pkg is missing: run `npm run build:wasm`");
  const record = JSON.parse(await readFile(join(pkg, "hash.json"), "utf8"));
  const sources = await hashSources(here, CRATES, FLAGS);
  if (record.sources !== sources) {
    throw new Error(
      `wasm/pkg was built from other sources (${record.sources}, now ${sources}): run \`npm run build:wasm\``,
    );
  }
  const broken = await hashOutputs(pkg, record.outputs, OUTPUTS);
  if (broken.length > 0)
    throw new Error(`wasm/pkg is not what was built: ${broken.join(", ")}: run \`npm run build:wasm\``);
  return record;
}

async function main(args) {
  if (args.includes("--check")) {
    await check();
    console.log("wasm: wasm/pkg belongs to these sources");
    return;
  }
  const verify = args.includes("--verify");
  const recorded = verify ? await check() : undefined;
  const toolchain = await findToolchain(here);
  const scratch = await mkdtemp(join(tmpdir(), "lancelet-wasm-"));
  try {
    await buildInto(join(scratch, "pkg"), toolchain, verify ? join(scratch, "target") : join(here, "target"));
    const record = await describeBuild(join(scratch, "pkg"), toolchain);
    if (!recorded) {
      await install(join(scratch, "pkg"), record);
      await printSizes(pkg);
      return;
    }
    if (record.sources !== recorded.sources) throw new Error("wasm: the sources changed while they were built");
    const different = Object.keys(record.outputs).filter((path) => record.outputs[path] !== recorded.outputs[path]);
    if (different.length === 0) console.log("wasm: built again, equal bytes");
    else if (record.toolchain === recorded.toolchain) {
      throw new Error(`wasm: the same toolchain gave other bytes for ${different.join(", ")}`);
    } else {
      console.log(
        `wasm: another toolchain (${record.toolchain}; recorded ${recorded.toolchain}), bytes not comparable`,
      );
      if (args.includes("--install")) await install(join(scratch, "pkg"), record);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
