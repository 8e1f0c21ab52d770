#!/usr/bin/env node
/**
 * `npm run build`: dist/ for Node, browsers, Deno and workerd from src/, the workers' files, the kernels, the types.
 * Every script lands in dist/ itself, so that `new URL("./x", import.meta.url)` holds in whatever chunk it ends up.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";
import { rolldown } from "rolldown";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const types = join(dist, "types");
const KERNELS = ["core", "build"];
/** The kernels' modules as they lie in wasm/pkg; of `core` a host loads one. */
const MODULES = ["core/core_bg.wasm", "core/core_relaxed_bg.wasm", "build/build_bg.wasm"];

/** Source paths in `new URL("…", import.meta.url)`, and what stands in their place in dist/. */
const URLS = {
  "./worker-main.ts": "./browser-worker.js",
  "./node-worker.ts": "./node-worker.js",
  "./deno-worker.ts": "./deno-worker.js",
  ...Object.fromEntries(MODULES.map((path) => [`../../wasm/pkg/${path}`, `./wasm/${basename(path)}`])),
};
const URL_PATTERN = /new URL\(\s*(["'])(.+?)\1,\s*import\.meta\.url\s*\)/g;

const rewriteUrls = {
  name: "lancelet-urls",
  transform(code, id) {
    if (!code.includes("import.meta.url") || id.includes("node_modules")) return null;
    // The kernels' glue would load its module itself; the runtime does.
    const glue = /[\\/]wasm[\\/]pkg[\\/]/.test(id);
    return code.replace(URL_PATTERN, (whole, quote, path) => {
      if (glue) return "undefined";
      if (!URLS[path]) throw new Error(`${relative(root, id)}: no place in dist/ is known for ${whole}`);
      return `new URL(${quote}${URLS[path]}${quote}, import.meta.url)`;
    });
  },
};

/** workerd imports compiled modules; everyone else fetches or reads them. */
const keepWasmImports = {
  name: "lancelet-wasm",
  resolveId(source) {
    const name = /([a-z_]+_bg\.wasm)$/.exec(source)?.[1];
    return name ? { id: `./wasm/${name}`, external: true } : null;
  },
};

async function bundle(input, output, external) {
  const build = await rolldown({
    cwd: root,
    input,
    external,
    platform: "neutral",
    resolve: { mainFields: ["module", "main"], conditionNames: ["browser", "import", "default"] },
    plugins: [rewriteUrls, keepWasmImports],
  });
  await build.write({
    dir: dist,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    ...output,
  });
  await build.close();
}

async function buildScripts() {
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  // comlink's package gives Node a UMD file only; a copy of our own also keeps our error handler out of the host's.
  const packages = Object.keys(dependencies).filter((name) => name !== "comlink");
  const external = [/^node:/, ...packages.map((name) => new RegExp(`^${name}(/|$)`))];
  await bundle(
    {
      browser: "src/entry-browser.ts",
      node: "src/entry-node.ts",
      "node-worker": "src/runtime/node-worker.ts",
      deno: "src/entry-deno.ts",
      "deno-worker": "src/runtime/deno-worker.ts",
      workerd: "src/entry-workerd.ts",
    },
    {},
    external,
  );
  // One file with everything in it: a web worker has no import map, and Vite's default worker format takes no chunks.
  await bundle({ "browser-worker": "src/runtime/worker-main.ts" }, { codeSplitting: false, minify: true }, []);
}

async function copyKernels() {
  await mkdir(join(dist, "wasm"), { recursive: true });
  for (const path of MODULES) await cp(join(root, "wasm/pkg", path), join(dist, "wasm", basename(path)));
}

/** Declarations of the public surface: emitted for all of src/, kept where `index.d.ts` reaches them. */
async function buildTypes() {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { cwd: root }).catch(
    ({ stdout, stderr }) => {
      throw new Error(`tsc: ${stdout}${stderr}`);
    },
  );
  const kept = new Set();
  const keep = async (path) => {
    if (kept.has(path)) return;
    kept.add(path);
    const imports = [];
    const text = await readFile(path, "utf8");
    const rewritten = text.replace(/(from |import\()"(\.[^"]+?)(\.d)?\.(ts|js)"/g, (_, head, stem) => {
      let target = resolve(dirname(path), `${stem}.d.ts`);
      // The kernels' glue lies outside src/: its declarations come along.
      const glue = /[\\/]wasm[\\/]pkg[\\/](\w+)[\\/]\w+\.d\.ts$/.exec(target)?.[1];
      if (glue) target = join(types, "wasm", `${glue}.d.ts`);
      imports.push(target);
      const specifier = relative(dirname(path), target)
        .replaceAll("\\", "/")
        .replace(/\.d\.ts$/, ".js");
      return `${head}"${specifier.startsWith(".") ? specifier : `./${specifier}`}"`;
    });
    await writeFile(path, rewritten);
    for (const imported of imports) await keep(imported);
  };
  for (const name of KERNELS) {
    await cp(join(root, "wasm/pkg", name, `${name}.d.ts`), join(types, "wasm", `${name}.d.ts`));
  }
  await keep(join(types, "index.d.ts"));
  for (const entry of await readdir(types, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(path)) await rm(path);
  }
}

/** What a page downloads before it opens a table: the browser entry with all it imports at once, minified. */
async function measurePage() {
  const build = await rolldown({ input: join(dist, "browser.js"), platform: "browser", plugins: [keepWasmImports] });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]));
  const page = new Set([output[0].fileName]);
  for (const name of page) for (const imported of chunks.get(name)?.imports ?? []) page.add(imported);
  return Buffer.concat([...page].map((name) => Buffer.from(chunks.get(name)?.code ?? "")));
}

async function printSizes() {
  for (const entry of (await readdir(dist, { recursive: true })).sort()) {
    if (!/\.(js|wasm)$/.test(entry)) continue;
    printSize(entry, await readFile(join(dist, entry)));
  }
  printSize("a page, minified, with packages", await measurePage());
}

function printSize(name, bytes) {
  const kb = (size) => `${(size / 1024).toFixed(1)} KB`.padStart(10);
  console.log(`  ${name.padEnd(32)}${kb(bytes.byteLength)}${kb(brotliCompressSync(bytes).byteLength)} brotli`);
}

try {
  await rm(dist, { recursive: true, force: true });
  await Promise.all([buildScripts(), copyKernels(), buildTypes()]);
  await printSizes();
} catch (error) {
  console.error(`npm run build: ${error.message}`);
  process.exitCode = 1;
}
