import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const GUIDE = new URL("../../docs/distributed-indexing.md", import.meta.url);
const ENTRY = new URL("../../src/entry-node.ts", import.meta.url);
const TABLE = fileURLToPath(new URL("../../web/public/packages.lance", import.meta.url));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-guide-"));
  await cp(TABLE, join(directory, "packages.lance"), { recursive: true });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("the guide's code runs in order, on worker threads, and prints what the guide says", async () => {
  const guide = await readFile(GUIDE, "utf8");
  const blocks = [...guide.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
  expect(blocks.length).toBeGreaterThan(7);
  const code = blocks.join("\n");
  const specifiers = [...code.matchAll(/from "([^"]*)"/g)].map(([, specifier]) => specifier);
  expect(specifiers).toEqual(["lancelet"]);
  const promised = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, text]) => text);
  expect(promised.length).toBeGreaterThan(8);

  const script = join(directory, "guide.mjs");
  await writeFile(script, code.replace('from "lancelet"', `from ${JSON.stringify(ENTRY.href)}`));
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", script], { cwd: directory });
  expect(stdout.trim().split("\n")).toEqual(promised);
});
