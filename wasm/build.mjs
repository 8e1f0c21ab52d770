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
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { hashFiles, hashOutputs, hashSources } from "./tools/hash.mjs";
import { run } from "./tools/run.mjs";
import { findToolchain } from "./tools/toolchain.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const pkg = join(here, "pkg");
const MODULES = ["core", "build"];
const OUTPUTS = (name) => [
  `${name}/${name}.js`,
  `${name}/${name}.d.ts`,
  `${name}/${name}_bg.wasm`,
  `${name}/${name}_bg.wasm.d.ts`,
];

/** Everything beside the sources that decides the bytes. */
const RUST_FLAGS = ["-Ctarget-feature=+simd128"];
const OPT_FLAGS = [
  "-O3",
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
const FLAGS = [...RUST_FLAGS, ...OPT_FLAGS].join(" ");

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
  const rustFlags = [...RUST_FLAGS, ...(await remapPaths(toolchain.env))].join(" ");
  const env = { ...toolchain.env, RUSTFLAGS: rustFlags, CARGO_TARGET_DIR: targetDir };
  delete env.CARGO_ENCODED_RUSTFLAGS;
  for (const name of MODULES) {
    const out = join(outDir, name);
    console.log(`wasm: building ${name}`);
    await run(
      "wasm-pack",
      [
        "build",
        join(here, name),
        "--mode",
        toolchain.mode,
        "--release",
        "--target",
        "web",
        "--out-dir",
        out,
        "--out-name",
        name,
        "--",
        "--locked",
      ],
      { env, cwd: here },
    );
    const wasm = join(out, `${name}_bg.wasm`);
    await run(process.execPath, [toolchain.wasmOpt, ...OPT_FLAGS, wasm, "-o", wasm], { env, cwd: here });
    for (const extra of [".gitignore", "package.json", "README.md", "LICENSE"])
      await rm(join(out, extra), { force: true });
  }
}

async function describeBuild(outDir, toolchain) {
  return {
    sources: await hashSources(here, MODULES, FLAGS),
    flags: FLAGS,
    toolchain: toolchain.description,
    outputs: await hashFiles(outDir, MODULES.flatMap(OUTPUTS)),
  };
}

/** Each file is replaced in one step, so that a test that runs meanwhile never sees half of one. */
async function install(outDir, record) {
  for (const path of MODULES.flatMap(OUTPUTS)) {
    await mkdir(dirname(join(pkg, path)), { recursive: true });
    await cp(join(outDir, path), join(pkg, `${path}.next`));
    await rename(join(pkg, `${path}.next`), join(pkg, path));
  }
  await writeFile(join(pkg, "hash.json"), `${JSON.stringify(record, null, 2)}\n`);
}

async function printSizes(dir) {
  for (const name of MODULES) {
    const bytes = await readFile(join(dir, name, `${name}_bg.wasm`));
    const kb = (n) => `${(n / 1024).toFixed(1)} KB`;
    console.log(`wasm: ${name} ${kb(bytes.byteLength)}, brotli ${kb(brotliCompressSync(bytes).byteLength)}`);
  }
}

async function check() {
  if (!existsSync(join(pkg, "hash.json"))) throw new Error("wasm/pkg is missing: run `npm run build:wasm`");
  const record = JSON.parse(await readFile(join(pkg, "hash.json"), "utf8"));
  const sources = await hashSources(here, MODULES, FLAGS);
  if (record.sources !== sources) {
    throw new Error(
      `wasm/pkg was built from other sources (${record.sources}, now ${sources}): run \`npm run build:wasm\``,
    );
  }
  const broken = await hashOutputs(pkg, record.outputs, MODULES.flatMap(OUTPUTS));
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
