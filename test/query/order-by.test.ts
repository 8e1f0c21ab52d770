import { Field, Float64, Int32, List, Schema, Struct, Table, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import type { ColumnOrdering } from "../../src/query/order-by.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("n", new Int32(), true),
  new Field("f", new Float64(), true),
  new Field("s", new Utf8(), true),
  new Field("list", new List(new Field("item", new Int32(), true)), true),
  new Field("at", new Struct([new Field("x", new Int32(), true)]), true),
]);

interface Row {
  readonly id: number;
  readonly n: number | null;
  readonly f: number | null;
  readonly s: string | null;
  readonly list: readonly number[] | null;
  readonly at: { readonly x: number | null } | null;
}

const texts = ["", "a", "a\u0000", "a\u0000b", "ab", "b", "é", "\uffff", "😀", null];
const floats = [0, -0, 1.5, -1.5, Number.NaN, Infinity, -Infinity, null, 1e-300];

function makeRows(count: number, random: () => number): Row[] {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  return Array.from({ length: count }, (_, id) => ({
    id,
    n: pick([null, -5, 0, 3, 2147483647, -2147483648, Math.floor(random() * 1000)]),
    f: pick(floats),
    s: pick(texts),
    list: pick([null, [], [1], [1, 2], [0, 9], [2]]),
    at: pick([null, { x: 1 }, { x: null }, { x: -7 }]),
  }));
}

async function makeTable(rows: readonly Row[], store = createMemoryStore()): Promise<Dataset> {
  const columns = schema.fields.map((field) => [
    field.name,
    vectorFromArray(
      rows.map((row) => row[field.name as "id"]),
      field.type,
    ),
  ]);
  return writeDataset(new Table(schema, Object.fromEntries(columns)), store, {
    maxRowsPerFile: Math.max(1, Math.ceil(rows.length / 3)),
  });
}

function createRandom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/** By the definition: -0 before 0, NaN above every number, text by its UTF-8 bytes, equal rows in table order. */
function compareCells(a: unknown, b: unknown): number {
  if (typeof a === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  if (Array.isArray(a)) {
    const other = b as number[];
    for (let i = 0; i < Math.min(a.length, other.length); i++) if (a[i] !== other[i]) return a[i] - other[i]!;
    return a.length - other.length;
  }
  const [x, y] = [a as number, b as number];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return x - y || Number(Object.is(y, -0)) - Number(Object.is(x, -0));
}

function sortRows(rows: readonly Row[], keys: readonly ColumnOrdering[]): number[] {
  const read = (row: Row, column: string) => (column === "at.x" ? (row.at?.x ?? null) : row[column as "n"]);
  return [...rows]
    .sort((a, b) => {
      for (const { column, ascending = true, nullsFirst = false } of keys) {
        const [x, y] = [read(a, column), read(b, column)];
        if (x === null || y === null) {
          if (x !== y) return (x === null) === nullsFirst ? -1 : 1;
          continue;
        }
        const order = compareCells(x, y);
        if (order !== 0) return ascending ? order : -order;
      }
      return a.id - b.id;
    })
    .map(({ id }) => id);
}

const idsOf = (table: Table): number[] => [...table.getChild("id")!.toArray()];

describe("orderBy", () => {
  it("orders by any columns, either way, NULL at either end, as the plain sort does", async () => {
    const rows = makeRows(400, createRandom(7));
    const dataset = await makeTable(rows);
    const orderings = fc.array(
      fc.record({
        column: fc.constantFrom("n", "f", "s", "list", "at.x", "id"),
        ascending: fc.boolean(),
        nullsFirst: fc.boolean(),
      }),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(orderings, fc.nat(420), fc.option(fc.nat(50)), async (orderBy, offset, limit) => {
        const table = await dataset.toTable({
          columns: ["id"],
          orderBy,
          offset,
          ...(limit === null ? {} : { limit }),
          batchSize: 64,
        });
        const wanted = sortRows(rows, orderBy);
        expect(idsOf(table)).toEqual(wanted.slice(offset, limit === null ? undefined : offset + limit));
      }),
      { numRuns: 60 },
    );
  });

  it("takes a name alone, filters first, and leaves deleted rows out", async () => {
    const rows = makeRows(90, createRandom(3));
    const dataset = await makeTable(rows);
    await dataset.delete("id IN (1, 2, 50)");
    const live = rows.filter(({ id }) => ![1, 2, 50].includes(id));
    const kept = live.filter(({ n }) => n !== null && n > 0);
    const table = await dataset.toTable({ columns: { id: "id", twice: "n + n" }, orderBy: "n", filter: "n > 0" });
    expect(idsOf(table)).toEqual(sortRows(kept, [{ column: "n" }]));
    expect(idsOf(await dataset.toTable({ columns: ["id"], orderBy: ["s", "id"], limit: 0 }))).toEqual([]);
    const last = await dataset.toTable({
      columns: ["id"],
      orderBy: { column: "_rowaddr", ascending: false },
      limit: 3,
    });
    expect(idsOf(last)).toEqual([89, 88, 87]);
  });

  it("sorts in parts what does not fit the budget, and gives every row once", async () => {
    const store = createMemoryStore();
    const rows = makeRows(30_000, createRandom(11));
    await (await makeTable(rows, store)).close();
    const dataset = await openDataset(store, { memoryBudgetBytes: 1 << 20 });
    for (const orderBy of [[{ column: "s", ascending: false }], [{ column: "n" }, { column: "f", nullsFirst: true }]]) {
      expect(idsOf(await dataset.toTable({ columns: ["id"], orderBy }))).toEqual(sortRows(rows, orderBy));
    }
    const top = await dataset.toTable({ columns: ["id"], orderBy: "f", limit: 20, offset: 25_000 });
    expect(idsOf(top)).toEqual(sortRows(rows, [{ column: "f" }]).slice(25_000, 25_020));
  });

  it.each([256 * 1024 * 1024, 1 << 20])(
    "reads rows in windows that the budget allows, and gives whole batches, budget %d",
    async (budget) => {
      const rows = makeRows(40_000, createRandom(9));
      const store = createMemoryStore();
      await (await makeTable(rows, store)).close();
      const dataset = await openDataset(store, { memoryBudgetBytes: budget });
      const sizes: number[] = [];
      const ids: number[] = [];
      const options = {
        columns: ["id", "s"],
        orderBy: "s",
        batchSize: 700,
        offset: 333,
        withRowAddress: true,
      } as const;
      for await (const batch of dataset.scanner(options).toBatches()) {
        sizes.push(batch.numRows);
        ids.push(...(batch.getChild("id")!.toArray() as Int32Array));
        const addresses = batch.getChild("_rowaddr")!.toArray() as BigUint64Array;
        const of = (id: number) => (BigInt(Math.floor(id / 13_334)) << 32n) | BigInt(id % 13_334);
        expect(addresses).toEqual(BigUint64Array.from(ids.slice(-batch.numRows), of));
      }
      expect(ids).toEqual(sortRows(rows, [{ column: "s" }]).slice(333));
      expect(new Set(sizes.slice(0, -1))).toEqual(new Set([700]));
      await dataset.close();
    },
  );

  it("stops when it is aborted", async () => {
    const dataset = await makeTable(makeRows(5_000, createRandom(5)));
    const controller = new AbortController();
    controller.abort();
    const scan = dataset.toTable({ orderBy: "s", signal: controller.signal });
    await expect(scan).rejects.toMatchObject({ code: "ABORTED" });
  });

  it.each([
    ["nope", /no column named "nope"/],
    ["at", /has no order/],
    [{ column: "n", descending: true }, /expected a column, or/],
    [{ ascending: true }, /expected a column, or/],
  ])("refuses %j", async (orderBy, message) => {
    const dataset = await makeTable(makeRows(3, createRandom(1)));
    await expect(dataset.toTable({ orderBy: orderBy as never })).rejects.toThrow(message);
  });

  it("is told by the plan", async () => {
    const dataset = await makeTable(makeRows(3, createRandom(1)));
    const scanner = dataset.scanner({
      columns: { x: "n + 1" },
      orderBy: [{ column: "n", ascending: false }],
      limit: 2,
      offset: 1,
    });
    const lines = (await scanner.explainPlan()).trimEnd().split("\n");
    expect(lines.map((line) => line.trim().split(":")[0])).toEqual([
      "ProjectionExec",
      "LanceRead",
      "GlobalLimitExec",
      "SortExec",
      "LanceRead",
    ]);
    expect(lines[0]).toBe("ProjectionExec: expr=[n + Int32(1) as x]");
    expect(lines[2]!.trim()).toBe("GlobalLimitExec: skip=1, fetch=2");
    expect(lines[3]!.trim()).toBe("SortExec: TopK(fetch=3), expr=[n@0 DESC NULLS LAST]");
  });
});
