import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openLanceFile } from "../../src/format/read/file.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { damage, readDamaged } from "./damage.ts";
import { createRandom, FIXTURES, listLanceFiles, storeOf } from "./support.ts";

useTestRuntime();

const OLD_WRITERS = fileURLToPath(new URL("../fixtures/old-writers/", import.meta.url));

/** A run of 30 000 gives the same three outcomes. */
const EXECUTIONS = 3000;

test("a damaged file is CORRUPT, UNSUPPORTED or read; never a trap, a hang or another error", async () => {
  const fixtures = [...(await listLanceFiles(FIXTURES)), ...(await listLanceFiles(OLD_WRITERS))];
  const files = fixtures.filter((path) => /types_v2|page_data|auxiliary|old-writers/.test(path));
  const sources = files.map((path) => new Uint8Array(readFileSync(path)));
  const outcomes = new Map<string, number>();
  for (let execution = 0; execution < EXECUTIONS; execution++) {
    const random = createRandom(execution);
    const outcome = await readDamaged(damage(sources[execution % sources.length]!, random), random, 4);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  // Damage to the tables and headers must be noticed; damage to values cannot be.
  expect(outcomes.get("CORRUPT")).toBeGreaterThan(EXECUTIONS / 4);
  expect(outcomes.get("read")).toBeGreaterThan(EXECUTIONS / 10);
});

test("every cut of a small file is CORRUPT, with its path", async () => {
  const [path] = (await listLanceFiles(FIXTURES)).filter((name) => /page_lookup/.test(name));
  const bytes = new Uint8Array(readFileSync(path!));
  for (let length = 0; length < bytes.length; length++) {
    const opening = openLanceFile(await storeOf(bytes.slice(0, length)), "file.lance");
    await expect(opening).rejects.toMatchObject({ code: "CORRUPT", details: { path: "file.lance" } });
  }
});

test("a recorded size that is not the file's is CORRUPT, a missing file NOT_FOUND", async () => {
  const [path] = await listLanceFiles(FIXTURES);
  const bytes = new Uint8Array(readFileSync(path!));
  const store = await storeOf(bytes);
  await expect(openLanceFile(store, "file.lance", { sizeBytes: bytes.length + 1 })).rejects.toMatchObject({
    code: "CORRUPT",
    details: { expected: bytes.length + 1, received: bytes.length },
  });
  await expect(openLanceFile(store, "none.lance")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test.each([
  ["types_v20", 0, 3, "2.0"],
  ["types_v20", 2, 0, "2.0"],
  ["page_lookup", 2, 1, "2.1"],
  ["page_lookup", 2, 2, "2.2"],
])("the footer of %s, version %i.%i, is %s", async (name, major, minor, version) => {
  const [path] = (await listLanceFiles(FIXTURES)).filter((file) => file.includes(name));
  const bytes = new Uint8Array(readFileSync(path!));
  const view = new DataView(bytes.buffer, bytes.byteLength - 8);
  view.setUint16(0, major, true);
  view.setUint16(2, minor, true);
  expect((await openLanceFile(await storeOf(bytes), "file.lance")).version).toBe(version);
});

test.each([
  [2, 3],
  [0, 1],
  [3, 0],
])("footer version %i.%i is UNSUPPORTED", async (major, minor) => {
  const [path] = (await listLanceFiles(FIXTURES)).filter((name) => /page_lookup/.test(name));
  const bytes = new Uint8Array(readFileSync(path!));
  const view = new DataView(bytes.buffer, bytes.byteLength - 8);
  view.setUint16(0, major, true);
  view.setUint16(2, minor, true);
  await expect(openLanceFile(await storeOf(bytes), "file.lance")).rejects.toMatchObject({
    code: "UNSUPPORTED",
    details: { major, minor },
  });
});
