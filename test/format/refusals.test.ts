import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import type { LanceField } from "../../src/format/schema.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { BUNDLED_TABLE, FIXTURES, listLanceFiles, openFixture, readBatchesOf, storeOf } from "./support.ts";

useTestRuntime();

const field = (logicalType: string, metadata: Record<string, string> = {}): LanceField => ({
  id: 0,
  parentId: -1,
  name: "c",
  logicalType,
  nullable: true,
  metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, new TextEncoder().encode(value)])),
  children: [],
});

async function openTypes() {
  const [path] = (await listLanceFiles(FIXTURES)).filter((name) => /types_v22\.lance.data/.test(name));
  return openFixture(path!);
}

test.each([
  ["a fixed-size list of text", field("fixed_size_list:string:3"), /"c": a fixed-size list of string/],
  ["a type of the future", field("tensor:3"), /tensor:3/],
])("%s is UNSUPPORTED, and the message says so", async (_, wanted, message) => {
  const file = await openTypes();
  const read = () => file.read([{ field: wanted, columnIndices: [0] }], { kind: "all" });
  expect(read).toThrow(expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringMatching(message) }));
});

test("a column read as a type it does not have is CORRUPT, not garbage", async () => {
  const file = await openTypes();
  const text = fileColumns(file).find((column) => column.field.name === "str")!;
  const read = async () => {
    for await (const _ of file.read([{ ...text, field: field("int32") }], { kind: "all" })) {
      // Never reached.
    }
  };
  await expect(read()).rejects.toMatchObject({ code: "CORRUPT", details: { column: "c", page: 0 } });
});

test.each([
  ["beyond the file", { kind: "indices", indices: Uint32Array.of(60) }],
  ["repeated", { kind: "indices", indices: Uint32Array.of(4, 4) }],
  [
    "descending",
    {
      kind: "ranges",
      ranges: [
        [8, 9],
        [1, 2],
      ],
    },
  ],
] as const)("rows %s are INVALID_ARGUMENT", async (_, rows) => {
  const file = await openTypes();
  await expect(readBatchesOf(file, ["i32"], rows)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("the wrong number of physical columns is a SCHEMA_MISMATCH that names the column", async () => {
  const file = await openTypes();
  const struct = fileColumns(file).find((column) => column.field.name === "struct")!;
  const read = () => file.read([{ ...struct, columnIndices: struct.columnIndices.slice(1) }], { kind: "all" });
  expect(read).toThrow(
    expect.objectContaining({ code: "SCHEMA_MISMATCH", message: expect.stringContaining("struct") }),
  );
});

test("an aborted read stops with ABORTED", async () => {
  const file = await openTypes();
  const controller = new AbortController();
  const read = async () => {
    for await (const _ of file.read(fileColumns(file), { kind: "all" }, { batchRows: 10, signal: controller.signal })) {
      controller.abort();
    }
  };
  await expect(read()).rejects.toMatchObject({ code: "ABORTED" });
});

test("a store that fails half-way fails the read, and the file reads again afterwards", async () => {
  const [path] = await listLanceFiles(BUNDLED_TABLE);
  const bytes = new Uint8Array(readFileSync(path!));
  const good = await storeOf(bytes);
  let failing = false;
  const store = {
    ...good,
    get: async (...call: Parameters<typeof good.get>) => {
      if (failing) throw new Error("the network went away");
      return good.get(...call);
    },
  };
  const file = await openLanceFile(store, "file.lance", { sizeBytes: bytes.byteLength });
  failing = true;
  await expect(readBatchesOf(file, ["name", "vector"])).rejects.toThrow("the network went away");
  failing = false;
  expect((await readBatchesOf(file, ["name", "vector"])).length).toBeGreaterThan(0);
});
