import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { columnValues, readBatchesOf } from "../format/support.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

/** Enough that an index of rows is larger than one read is worth, and that nothing but tables lies in the tail. */
const ROWS = 40_000;

let directory: string;
let native: NativeSession;

useNativeSession(async (session) => {
  ({ directory, native } = session);
  await native.run(`
from lance.file import LanceFileWriter
import numpy as np
rng = np.random.default_rng(3)
n = ${ROWS}
words = [bytes(w).hex() for w in rng.integers(0, 256, (500, 20), dtype=np.uint8)]
picks = rng.integers(0, 500, (n, 9))
columns = {
    "number": pa.array(rng.integers(0, 2**40, n)),
    "text": pa.array([words[p[0]][:20] + str(i) for i, p in enumerate(picks)]),
    "few": pa.array([words[p[0] % 20] for p in picks]),
    # One value over 256 bytes lays the rows of a page out one after the other.
    "long": pa.array([str(i) + " ".join(words[j] for j in p) if i % 10 == 0 else words[p[0]] + str(i) for i, p in enumerate(picks)]),
    "vector": pa.FixedSizeListArray.from_arrays(pa.array(rng.standard_normal(n * 96).astype(np.float32)), 96),
    "list": pa.array([[int(x) for x in p[: i % 5]] for i, p in enumerate(picks)], pa.list_(pa.int32())),
    "struct": pa.StructArray.from_arrays([pa.array(rng.integers(0, 9, n)), pa.array([words[p[1]] for p in picks])], ["a", "b"]),
}
for version in ["2.0", "2.1", "2.2"]:
    with LanceFileWriter(f"{version}.lance", version=version) as writer:
        writer.write_batch(pa.table(columns))
`);
});

async function open(version: string) {
  const path = `${version}.lance`;
  const { size } = await stat(join(directory, path));
  const store = createCountingStore(createNodeFsStore(directory));
  const file = await openLanceFile(store, path, { sizeBytes: size });
  return { store, file };
}

/** Reads of one row after the file was opened by its tail: cold, then for a row near it. */
type Budget = readonly [column: string, cold: number, warm: number];

const BUDGETS: Readonly<Record<"2.0" | "2.1" | "2.2", readonly Budget[]>> = {
  "2.0": [
    ["number", 1, 1],
    // Ends of values, then their bytes.
    ["text", 2, 2],
    // Indices and items; the items are ends and bytes.
    ["few", 3, 3],
    ["long", 2, 2],
    ["vector", 1, 1],
    ["list", 2, 2],
    ["struct", 3, 3],
  ],
  "2.1": [
    ["number", 2, 1],
    ["text", 2, 1],
    ["few", 3, 1],
    // The row's own entries of the index, not all of it.
    ["long", 2, 2],
    ["vector", 1, 1],
    ["list", 3, 1],
    ["struct", 4, 2],
  ],
  "2.2": [
    ["number", 2, 1],
    ["text", 2, 1],
    ["few", 3, 1],
    ["long", 2, 2],
    ["vector", 1, 1],
    ["list", 3, 1],
    // Few 64-bit numbers have a dictionary too.
    ["struct", 5, 2],
  ],
};

describe.each(["2.0", "2.1", "2.2"] as const)("a row of files %s", (version) => {
  test.each(BUDGETS[version])("%s: %i reads cold, %i warm", async (column, cold, warm) => {
    const { store, file } = await open(version);
    const take = async (row: number) =>
      columnValues(await readBatchesOf(file, [column], { kind: "indices", indices: Uint32Array.of(row) }), column)[0];
    store.reset();
    const first = await take(7001);
    expect(store.gets().length).toBeLessThanOrEqual(cold);
    store.reset();
    const second = await take(7003);
    expect(store.gets().length).toBeLessThanOrEqual(warm);
    // A few chunks at most, never a page.
    expect(store.bytesRead()).toBeLessThan(64 * 1024);
    const range = { kind: "ranges", ranges: [[7000, 7004]] } as const;
    const all = columnValues(await readBatchesOf(file, [column], range), column);
    expect([first, second]).toEqual([all[1], all[3]]);
  });

  test("a scan reads every byte at most once, a range little more than its part", async () => {
    const { store, file } = await open(version);
    store.reset();
    await readBatchesOf(file, undefined, { kind: "all" }, { batchRows: 1000 });
    const spans = store
      .gets()
      .map(({ offset, length }) => [offset!, offset! + length!] as const)
      .sort(([a], [b]) => a - b);
    for (const [i, [start]] of spans.entries()) expect(start).toBeGreaterThanOrEqual(spans[i - 1]?.[1] ?? 0);
    store.reset();
    await readBatchesOf(file, ["number", "vector"], { kind: "ranges", ranges: [[100, 1100]] });
    expect(store.bytesRead()).toBeLessThan(1000 * (8 + 384) + 64 * 1024);
  });

  test("the plan names what is read first", async () => {
    const { store, file } = await open(version);
    const rows = { kind: "indices", indices: Uint32Array.of(5, 20_000) } as const;
    const columns = fileColumns(file).filter(({ field }) => field.name === "vector" || field.name === "number");
    const plan = file.plan(columns, rows);
    store.reset();
    for await (const _ of file.read(columns, rows)) {
      // Consumed for its reads.
    }
    const read = new Set(store.gets().map(({ offset, length }) => `${offset}+${length}`));
    for (const { offset, length } of [...plan.auxiliary, ...plan.data]) expect(read).toContain(`${offset}+${length}`);
  });
});
