import { execFile } from "node:child_process";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveFolder } from "../../web/serve.mjs";
import { expectNative } from "../runtime/expect-native.ts";
import { launchChromium, PAGE_WAIT_MS } from "../tools/launch-chromium.ts";
import { installPacked, root } from "./consumer.ts";

const exec = promisify(execFile);
let consumer: Awaited<ReturnType<typeof installPacked>>;
let installed = "";

beforeAll(async () => {
  consumer = await installPacked();
  installed = join(consumer.folder, "node_modules/lancelet");
});
afterAll(() => consumer?.remove());

test("the package holds what it should and nothing else", async () => {
  const files = (await readdir(installed, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(installed.length + 1)
        .replaceAll("\\", "/"),
    );
  const stray = files.filter(
    (path) =>
      !/^dist\/([\w-]+\.js|wasm\/\w+_bg\.wasm|types\/[\w/.-]+\.d\.ts)$|^(package\.json|LICENSE|[A-Z]+\.md)$/.test(path),
  );
  expect(stray).toEqual([]);
  for (const entry of ["browser", "browser-worker", "node", "node-worker", "deno", "deno-worker", "workerd"]) {
    expect(files).toContain(`dist/${entry}.js`);
  }
  const modules = files.filter((path) => path.endsWith(".wasm")).map((path) => path.split("/").at(-1));
  expect(modules.sort()).toEqual(["build_bg.wasm", "core_bg.wasm", "core_relaxed_bg.wasm"]);
  // what an edge host bundles has one build of each
  const edge = await readFile(join(installed, "dist/workerd.js"), "utf8");
  expect(edge.match(/\w+_bg\.wasm/g)?.sort()).toEqual(["build_bg.wasm", "core_bg.wasm"]);
});

test("publint finds nothing", async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, pack: false, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

test("the Node that runs npm imports it and knows its errors", async () => {
  const script = `
    import { isLanceError, openDataset } from "lancelet";
    const error = await openDataset("no/such/table").catch((thrown) => thrown);
    console.log(isLanceError(error, "NOT_FOUND"), error.name);
  `;
  await writeFile(join(consumer.folder, "use.mjs"), script);
  const node = process.env.npm_node_execpath ?? process.execPath;
  const { stdout } = await exec(node, ["use.mjs"], { cwd: consumer.folder });
  expect(stdout.trim()).toBe("true LanceError");
});

test("importing it leaves no timer or worker that keeps the process alive", async () => {
  const script = `
    import { initGlobalPool } from "lancelet";
    const pool = initGlobalPool({ numWorkers: 1 });
    await pool.run({ kind: "nonsense", payload: 0 }).catch((error) => console.log(error.code));
  `;
  await writeFile(join(consumer.folder, "exit.mjs"), script);
  const { stdout } = await exec("node", ["exit.mjs"], { cwd: consumer.folder, timeout: 120_000 });
  expect(stdout.trim()).toBe("INVALID_ARGUMENT");
});

describe("types", () => {
  test.each([
    ["bundler", "esnext"],
    ["nodenext", "nodenext"],
  ])("resolve under moduleResolution %s, and are used strictly", async (moduleResolution, module) => {
    const folder = join(consumer.folder, `types-${moduleResolution}`);
    const compilerOptions = {
      target: "es2022",
      lib: ["es2023", "esnext.disposable", "dom"],
      types: [],
      module,
      moduleResolution,
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    };
    await cp(join(root, "test/packaging/types"), folder, { recursive: true });
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["."] }));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await exec(process.execPath, [tsc, "-p", folder]).catch((error) => error);
    expect(stdout).toBe("");
  });

  test("every declaration that is named is there", async () => {
    const missing: string[] = [];
    const files = (await readdir(join(installed, "dist/types"), { recursive: true })).filter((path) =>
      path.endsWith(".d.ts"),
    );
    const known = new Set(files.map((path) => resolve(installed, "dist/types", path)));
    for (const path of known) {
      for (const [, specifier] of (await readFile(path, "utf8")).matchAll(/(?:from |import\()"(\.[^"]+)"/g)) {
        const target = resolve(dirname(path), (specifier as string).replace(/\.js$/, ".d.ts"));
        if (!known.has(target)) missing.push(`${path} names ${specifier}`);
      }
    }
    expect(missing).toEqual([]);
  });
});

describe("public surface", () => {
  const readNames = async (entry: string): Promise<string[]> =>
    Object.keys(await import(pathToFileURL(join(installed, "dist", entry)).href)).sort();

  test("is what it was", async () => {
    const declarations = await readFile(join(installed, "dist/types/index.d.ts"), "utf8");
    const types = [...declarations.matchAll(/export type \{([^}]*)\}|export \{([^}]*)\}/g)]
      .flatMap(([, typeList, list]) => (typeList ?? list ?? "").split(","))
      .map(
        (name) =>
          name
            .trim()
            .replace(/^type /, "")
            .split(" as ")
            .at(-1) as string,
      )
      .filter((name) => name !== "");
    const values = await readNames("node.js");
    await expect(
      `values\n${values.map((name) => `  ${name}`).join("\n")}\ntypes\n${[...new Set(types)]
        .filter((name) => !values.includes(name))
        .sort()
        .map((name) => `  ${name}`)
        .join("\n")}\n`,
    ).toMatchFileSnapshot("public-surface.txt");
  });

  test("is the same in a browser", async () => {
    expect(await readNames("browser.js")).toEqual(await readNames("node.js"));
  });
});

describe("a Vite app on it", () => {
  let browser: import("playwright").Browser;
  let page: import("playwright").Page;
  let site: Awaited<ReturnType<typeof serveFolder>>;
  let tables: Awaited<ReturnType<typeof serveFolder>>;
  const problems: string[] = [];
  const modules = new Set<string>();

  beforeAll(async () => {
    const app = join(consumer.folder, "app");
    await cp(join(root, "test/packaging/app"), app, { recursive: true });
    await cp(join(root, "test/runtime/smoke.mjs"), join(app, "smoke.mjs"));
    await build({ root: app, configFile: false, logLevel: "error" });
    site = await serveFolder(join(app, "dist"), { host: "127.0.0.1" });
    tables = await serveFolder(join(root, "web/public"), { host: "127.0.0.1" });
    browser = await launchChromium();
    page = await browser.newPage();
    page.setDefaultTimeout(PAGE_WAIT_MS);
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => {
      const module = /\/([a-z_]+_bg)[\w-]*\.wasm$/.exec(request.url())?.[1];
      if (module) modules.add(module);
    });
    // The table's server is another: probing for a newer version ends requests there.
    page.on("requestfailed", (request) => {
      if (request.url().startsWith(site.url)) problems.push(`${request.url()} failed`);
    });
    await page.goto(site.url);
    await page.waitForFunction("globalThis.askWorker");
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await tables?.close();
  });

  test("its worker starts and answers, errors keep their code", async () => {
    expect(await page.evaluate("askWorker()")).toEqual({ inline: false, code: "INVALID_ARGUMENT", branded: true });
  });

  test("its kernels load on the page", async () => {
    expectNative(await page.evaluate(`runSmoke("${tables.url}packages.lance")`));
  });

  test("its workers build an index", async () => {
    expect(await page.evaluate("buildIndex()")).toEqual({ rows: [1400, 1401], indexed: true });
    expect(problems).toEqual([]);
  });

  test("of the two builds of the core kernels it fetched the one with relaxed SIMD, and not the other", () => {
    expect([...modules].sort()).toEqual(["build_bg", "core_relaxed_bg"]);
  });
});
