import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import type { ColumnOrdering } from "../../src/query/order-by.ts";
import type { ScannerOptions } from "../../src/query/scan-options.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

useTestRuntime();

let directory: string;
let native: NativeSession;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "lancelet-scan-"));
  native = openNativeSession(directory);
  await native.run(`
import random
from lance.dataset import ColumnOrdering
rng = random.Random(5)
def pick(values): return rng.choice([*values, None])
N = 500
table = pa.table({
    "id": pa.array(range(N), pa.int32()),
    "n": pa.array([pick([-3, 0, 7, 2**31 - 2, -2**31]) for _ in range(N)], pa.int32()),
    "f": pa.array([pick([0.0, 1.5, -1.5, float("nan"), float("inf"), float("-inf")]) for _ in range(N)]),
    "s": pa.array([pick(["", "a", "ab", "b", "é", "\\uffff", "😀"]) for _ in range(N)]),
    "b": pa.array([pick([True, False]) for _ in range(N)]),
    "d": pa.array([pick([0, -1, 20000]) for _ in range(N)], pa.date32()),
    "li": pa.array([pick([[], [1], [1, 2], [0, 5]]) for _ in range(N)], pa.list_(pa.int32())),
    "st": pa.array([pick([{"a": 1, "b": "x"}, {"a": None, "b": "y"}, {"a": -4, "b": None}]) for _ in range(N)], pa.struct([("a", pa.int64()), ("b", pa.string())])),
    "dc": pa.array([pick(["x", "y", "zz"]) for _ in range(N)]).dictionary_encode(),
})
def plain(value):
    # Lists and structs as text; floats that JSON has no word for too.
    if isinstance(value, float): return repr(value)
    if isinstance(value, dict): return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list): return [plain(v) for v in value]
    return value if isinstance(value, (int, str, bool, type(None))) else str(value)
def scan(name, **options):
    if "order_by" in options: options["order_by"] = [ColumnOrdering(*each) for each in options["order_by"]]
    result = lance.dataset(name).scanner(**options).to_table()
    return [[plain(v) for v in column.to_pylist()] for column in result.columns]
for name, stable in (("plain", False), ("stable", True)):
    ds = lance.write_dataset(table, name, max_rows_per_file=180, enable_stable_row_ids=stable)
    ds.delete("id % 17 = 3")
    ds.update({"n": "coalesce(n, 0) + 1"}, where="id % 29 = 1")
`);
});

afterAll(() => {
  native?.close();
  rmSync(directory, { recursive: true, force: true });
});

function plain(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return value;
  if (typeof value === "object" && "toJSON" in value) return plain((value as { toJSON(): unknown }).toJSON());
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

/** As Python writes a float. */
function reprFloat(value: unknown): unknown {
  if (typeof value !== "number") return value;
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Number.isInteger(value) ? (Object.is(value, -0) ? "-0.0" : `${value}.0`) : String(value);
}

async function read(dataset: Dataset, options: ScannerOptions): Promise<unknown[][]> {
  const table = await dataset.toTable(options);
  return table.schema.fields.map((field, i) => {
    const values = [...table.getChildAt(i)!].map(plain);
    if (String(field.type) === "Float64") return values.map(reprFloat);
    if (!String(field.type).startsWith("Date")) return values;
    return values.map((value) => (value === null ? null : new Date(value as number).toISOString().slice(0, 10)));
  });
}

const scans: readonly [ScannerOptions, string][] = [
  [{}, ""],
  [{ columns: ["st.a", "id"] }, `columns=["st.a", "id"]`],
  [{ columns: { x: "n * 2", y: "st.b", z: "id" } }, `columns={"x": "n * 2", "y": "st.b", "z": "id"}`],
  [{ columns: ["_rowid", "id", "_rowaddr"] }, `columns=["_rowid", "id", "_rowaddr"]`],
  [{ columns: ["_rowoffset", "id"] }, `columns=["_rowoffset", "id"]`],
  [
    { columns: ["id", "_row_created_at_version", "_row_last_updated_at_version"] },
    `columns=["id", "_row_created_at_version", "_row_last_updated_at_version"]`,
  ],
  [{ columns: ["id"], filter: "_rowid > 300" }, `columns=["id"], filter="_rowid > 300"`],
  [
    { columns: ["id"], filter: "_row_last_updated_at_version > 2" },
    `columns=["id"], filter="_row_last_updated_at_version > 2"`,
  ],
  [{ columns: ["id"], filter: "st.a = 1 AND dc = 'x'" }, `columns=["id"], filter="st.a = 1 AND dc = 'x'"`],
  [
    { columns: ["id"], withRowId: true, limit: 7, offset: 170 },
    `columns=["id"], with_row_id=True, limit=7, offset=170`,
  ],
  [
    { columns: ["id"], filter: "array_has(li, 5)", limit: 9, offset: 3 },
    `columns=["id"], filter="array_has(li, 5)", limit=9, offset=3`,
  ],
  [
    { columns: ["id", "s"], withRowId: true, includeDeletedRows: true },
    `columns=["id", "s"], with_row_id=True, include_deleted_rows=True`,
  ],
  // Native refuses such a filter when it reads the other columns later.
  ...["id % 17 = 3 OR id > 400", "_rowid IS NULL", "n > 0", "true", "s = 'none'"].map(
    (filter): [ScannerOptions, string] => [
      { columns: ["id", "s"], withRowId: true, includeDeletedRows: true, filter },
      `columns=["id", "s"], with_row_id=True, include_deleted_rows=True, late_materialization=False, filter="${filter}"`,
    ],
  ),
];

test.each(["plain", "stable"])("scans of the table %s answer as native's", async (name) => {
  const dataset = await openDataset(createNodeFsStore(join(directory, name)));
  for (const [options, theirs] of scans) {
    const expected = (await native.run(`out = scan("${name}", ${theirs})`)) as unknown[][];
    expect(await read(dataset, options), theirs).toEqual(expected);
  }
  await dataset.close();
});

/** The columns of an answer that decide its order; rows that are equal in them may stand either way. */
test.each(["plain", "stable"])("rows of the table %s are ordered as native orders them", async (name) => {
  const dataset = await openDataset(createNodeFsStore(join(directory, name)));
  const columns = ["n", "f", "s", "b", "d", "li", "dc", "st.a"];
  let seed = 1;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let run = 0; run < 60; run++) {
    const orderBy = Array.from({ length: 1 + next(3) }, (): ColumnOrdering & { column: string } => ({
      column: columns[next(columns.length)]!,
      ascending: next(2) === 0,
      nullsFirst: next(2) === 0,
    })).filter(({ column }, i, all) => all.findIndex((other) => other.column === column) === i);
    const keys = orderBy.map(({ column }) => column);
    const window = next(2) === 0 ? {} : { limit: 20 + next(30), offset: next(10) };
    const order = orderBy.map((key) => [key.column, key.ascending, key.nullsFirst]);
    const python = JSON.stringify(order).replaceAll("true", "True").replaceAll("false", "False");
    // Native 14 orders by a nested field only where its struct is asked for too.
    const asked = JSON.stringify([...new Set([...keys, ...keys.map((key) => key.split(".")[0]!)])]);
    const limits = Object.entries(window).map(([key, value]) => `, ${key}=${value}`);
    const call = `out = scan("${name}", columns=${asked}, order_by=${python}${limits.join("")})[:${keys.length}]`;
    const expected = (await native.run(call)) as unknown[][];
    expect(await read(dataset, { columns: keys, orderBy, ...window }), call).toEqual(expected);
  }
  await dataset.close();
});
