import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveFolder } from "../../web/serve.mjs";
import { launchChromium, PAGE_WAIT_MS } from "../tools/launch-chromium.ts";
import { expectNative } from "./expect-native.ts";
import { startWorkerd } from "./workerd-server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "dist");
const hosts = join(root, "test/runtime/hosts");
const bin = (name: string): string => join(root, "node_modules/.bin", name);
const table = join(root, "web/public/packages.lance");

let scratch = "";
let server: Awaited<ReturnType<typeof serveFolder>>;
let uri = "";

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lancelet-smoke-"));
  server = await serveFolder(join(root, "web/public"), { host: "127.0.0.1" });
  uri = `${server.url}packages.lance`;
});
afterAll(async () => {
  await server?.close();
  await rm(scratch, { recursive: true, force: true });
});

/** workerd takes compiled modules under the names its configuration gives them. */
const keepModules = {
  name: "keep-modules",
  resolveId: (source: string) => (source.endsWith(".wasm") ? { id: source, external: true } : null),
};

/** One script with its packages in it, beside the built files it refers to. */
async function bundleHost(name: string, folder: string, as: string): Promise<void> {
  const build = await rolldown({
    input: join(hosts, `${name}.mjs`),
    platform: "neutral",
    plugins: [keepModules],
    resolve: { mainFields: ["module", "main"], conditionNames: ["browser", "import", "default"] },
  });
  await build.write({ file: join(folder, as), format: "esm", codeSplitting: false });
  await build.close();
}

async function runProgram(program: string, args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(program, args, { cwd: root });
  return JSON.parse(stdout);
}

describe("Node, the one that runs npm", () => {
  const node = process.env.npm_node_execpath ?? process.execPath;

  test.each(["file", "http"])("answers as native Lance, over %s", async (kind) => {
    const from = kind === "file" ? table : uri;
    expectNative(await runProgram(node, [join(hosts, "node.mjs"), from]));
  });
});

test("Deno answers as native Lance", async () => {
  const args = ["run", "--allow-all", "--no-lock", join(hosts, "deno.mjs"), uri];
  expectNative(await runProgram(bin("deno"), args));
});

test("workerd answers as native Lance", async () => {
  const folder = join(scratch, "workerd");
  await cp(join(dist, "wasm"), join(folder, "wasm"), { recursive: true });
  await bundleHost("workerd", folder, "worker.js");
  const workerd = await startWorkerd(folder, bin("workerd"));
  try {
    const response = await fetch(`${workerd.url}?uri=${encodeURIComponent(uri)}`);
    const text = await response.text();
    expect(response.status, text).toBe(200);
    expectNative(JSON.parse(text));
  } finally {
    workerd.close();
  }
});

describe("Chromium", () => {
  let page: import("playwright").Page;
  let browser: import("playwright").Browser;
  let site: Awaited<ReturnType<typeof serveFolder>>;

  beforeAll(async () => {
    const folder = join(scratch, "browser");
    await cp(dist, folder, { recursive: true });
    await bundleHost("page", folder, "page.js");
    await bundleHost("worker", folder, "worker.js");
    await cp(join(hosts, "page.html"), join(folder, "index.html"));
    site = await serveFolder(folder, { host: "127.0.0.1" });
    browser = await launchChromium();
    page = await browser.newPage();
    page.setDefaultTimeout(PAGE_WAIT_MS);
    await page.goto(site.url);
    await page.waitForFunction("globalThis.runSmoke");
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  test("the page answers as native Lance, from another origin", async () => {
    expectNative(await page.evaluate(`runSmoke(${JSON.stringify(uri)})`));
  });

  test("a worker answers as native Lance", async () => {
    expectNative(await page.evaluate(`runSmokeInWorker(${JSON.stringify(uri)})`));
  });
});
