import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { BUNDLED_TABLE, columnValues, listLanceFiles, readBatchesOf, storeOf } from "./support.ts";

useTestRuntime();

let bytes: Uint8Array;

beforeAll(async () => {
  const [path] = await listLanceFiles(BUNDLED_TABLE);
  bytes = new Uint8Array(readFileSync(path!));
});

async function openCounted() {
  const store = createCountingStore(await storeOf(bytes));
  const file = await openLanceFile(store, "file.lance", { sizeBytes: bytes.byteLength });
  return { store, file };
}

/** FORMAT.md section 4: reads of a take of one row by native, tail included, cold and then warm. */
const BUDGETS = [
  { column: "installed_kb", what: "bit-packed integer", cold: 3, warm: 1 },
  { column: "name", what: "text", cold: 3, warm: 1 },
  { column: "section", what: "dictionary", cold: 4, warm: 1 },
  { column: "vector", what: "fixed-size list", cold: 2, warm: 1, dataBytes: 512 },
] as const;

describe("a take of one row", () => {
  test.each(BUDGETS)("$what: $cold reads cold, $warm warm", async ({ column, cold, warm, ...rest }) => {
    const { store, file } = await openCounted();
    const take = async (row: number) =>
      columnValues(await readBatchesOf(file, [column], { kind: "indices", indices: Uint32Array.of(row) }), column);
    const [first] = await take(1100);
    expect(store.gets()).toHaveLength(cold);
    expect(store.gets()[0]).toMatchObject({ offset: bytes.byteLength - 65536, length: 65536 });
    store.reset();
    // The same chunk, so the same single read; then its value again.
    const [second] = await take(1101);
    expect(store.gets()).toHaveLength(warm);
    if ("dataBytes" in rest) expect(store.bytesRead()).toBe(rest.dataBytes);
    else expect(store.bytesRead()).toBeLessThan(16 * 1024);
    const all = columnValues(await readBatchesOf(file, [column]), column);
    expect([first, second]).toEqual([all[1100], all[1101]]);
  });

  test("reads exactly the ranges that were planned", async () => {
    const { store, file } = await openCounted();
    const columns = fileColumns(file);
    const rows = { kind: "indices", indices: Uint32Array.of(7, 1200, 2400) } as const;
    const before = file.plan(columns, rows);
    store.reset();
    for await (const _ of file.read(columns, rows)) {
      // Consumed for its reads.
    }
    const planned = file.plan(columns, rows);
    expect(planned.auxiliary).toEqual([]);
    expect(planned.numPagesPending).toBe(0);
    const inTail = (span: { offset: number }) => span.offset >= bytes.byteLength - 65536;
    const wanted = [...before.auxiliary, ...planned.data].filter((span) => !inTail(span));
    const sort = (spans: readonly { offset?: number; length?: number }[]) =>
      spans.map(({ offset, length }) => `${offset}+${length}`).sort();
    expect(sort(store.gets())).toEqual(sort(wanted));
  });
});

test("opening reads the last 64 KiB once, by an absolute range when the size is known", async () => {
  const store = createCountingStore(await storeOf(bytes));
  await openLanceFile(store, "file.lance", { sizeBytes: bytes.byteLength });
  expect(store.gets()).toEqual([
    { op: "get", path: "file.lance", offset: bytes.byteLength - 65536, length: 65536, bytes: 65536 },
  ]);
  store.reset();
  await openLanceFile(store, "file.lance");
  expect(store.gets()).toEqual([{ op: "get", path: "file.lance", suffix: 65536, bytes: 65536 }]);
});

test("a scan reads every byte of a column at most once", async () => {
  const { store, file } = await openCounted();
  store.reset();
  await readBatchesOf(file, ["description"], { kind: "all" }, { batchRows: 100 });
  expect(store.bytesRead()).toBeLessThan(bytes.byteLength);
  const offsets = store.gets().map((call) => call.offset);
  expect(new Set(offsets).size).toBe(offsets.length);
});

test("batches have the rows asked for, whatever the pages", async () => {
  const { file } = await openCounted();
  const batches = await readBatchesOf(file, ["name", "tags", "vector"], { kind: "all" }, { batchRows: 1000 });
  expect(batches.map((batch) => batch.numRows)).toEqual([1000, 1000, 500]);
  expect(new Set(columnValues(batches, "name")).size).toBe(file.numRows);
});

test("no columns still count rows", async () => {
  const { file } = await openCounted();
  const batches = [];
  for await (const batch of file.read([], { kind: "all" }, { batchRows: 2000 })) batches.push(batch.numRows);
  expect(batches).toEqual([2000, 500]);
});
