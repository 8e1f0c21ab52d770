import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { registerNodeStores } from "../../src/runtime/stores-node.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

beforeAll(async () => {
  useTestRuntime();
  registerNodeStores();
  directory = await mkdtemp(join(tmpdir(), "lancelet-"));
  native = openNativeSession(directory);
  await native.run(`
import base64
values = [b"abc", None, b"", bytes(range(256)) * 300, b"y" * 5_000_000, b"last"]
def write(version):
    field = pa.field("b", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    schema = pa.schema([field, pa.field("i", pa.int64())])
    table = pa.table([pa.array(values, pa.large_binary()), pa.array(range(len(values)))], schema=schema)
    d = lance.write_dataset(table, version, data_storage_version=version)
    d.delete("i = 0")
    lance.write_dataset(table, version, mode="append")
`);
});
afterAll(async () => {
  native?.close();
  await rm(directory, { recursive: true, force: true });
});

const open = (name: string) => {
  const store = createCountingStore(createNodeFsStore(join(directory, name)));
  return openDataset(store, { cacheBytes: 0 }).then((dataset) => ({ dataset, store }));
};

describe.each(["2.0", "2.1", "2.2"])("blobs of files %s", (version) => {
  beforeAll(async () => {
    await native.run(`write("${version}")`);
  });

  test("a scan gives native's descriptors", async () => {
    const { dataset } = await open(version);
    const table = await dataset.scanner({ columns: ["b"] }).toTable();
    const wanted = await native.run(`out = lance.dataset("${version}").to_table(columns=["b"])["b"].to_pylist()`);
    const rows = Array.from(table.getChild("b")!, (row) => row && JSON.parse(JSON.stringify(row.toJSON(), toNumbers)));
    expect(rows).toEqual(wanted);
  });

  test("bytes are native's, by position, row id and address, whole and in part", async () => {
    const { dataset, store } = await open(version);
    const ids = (await native.run(
      `out = [str(x) for x in lance.dataset("${version}").to_table(columns=["b"], with_row_id=True)["_rowid"].to_pylist()]`,
    )) as string[];
    const indices = [4, 0, 1, 2, 3, 10, 4];
    const rowIds = indices.map((index) => BigInt(ids[index]!));
    const wanted = (await native.run(`
blobs = lance.dataset("${version}").take_blobs("b", indices=${JSON.stringify(indices)})
out = [None if b is None else base64.b64encode(b.read()).decode() for b in blobs]
`)) as (string | null)[];
    for (const rows of [{ indices }, { rowIds }, { addresses: rowIds }]) {
      const blobs = await dataset.takeBlobs("b", rows);
      store.reset();
      const read = await Promise.all(
        blobs.map(async (blob) => blob && Buffer.from(await blob.read()).toString("base64")),
      );
      expect(read).toEqual(wanted);
      // At most one read each, neighbours together; none for null and for nothing.
      expect(store.gets().length).toBeLessThanOrEqual(read.filter((bytes) => bytes).length);
    }
    const [blob] = await dataset.takeBlobs("b", { indices: [2] });
    expect(blob?.size).toBe(76_800);
    store.reset();
    expect([...(await blob!.readRange(256, 4))]).toEqual([0, 1, 2, 3]);
    expect(store.bytesRead()).toBe(4);
    await expect(blob!.readRange(76_799, 2)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

test("blobs outside of the table are read where their URI says", async () => {
  await native.run(`
open("picture.bin", "wb").write(bytes(range(200)))
import os
from lance import blob_array, blob_field
uri = "file://" + os.path.abspath("picture.bin")
table = pa.table([blob_array([uri, b"inline", None])], schema=pa.schema([blob_field("b")]))
lance.write_dataset(table, "external", data_storage_version="2.2", allow_external_blob_outside_bases=True)
`);
  const { dataset } = await open("external");
  const blobs = await dataset.takeBlobs("b", { indices: [0, 1, 2] });
  expect(blobs.map((blob) => blob?.size)).toEqual([200, 6, undefined]);
  expect([...(await blobs[0]!.readRange(10, 3))]).toEqual([10, 11, 12]);
});

test("what is no blob column, and rows that are not there, are said by name", async () => {
  await native.run(`write("2.2") if not os.path.exists("2.2") else None`);
  const { dataset } = await open("2.2");
  await expect(dataset.takeBlobs("i", { indices: [0] })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(dataset.takeBlobs("none", { indices: [0] })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    details: { known: ["b"] },
  });
  await expect(dataset.takeBlobs("b", { indices: [99] })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(dataset.takeBlobs("b", { rowIds: [0n] })).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(dataset.takeBlobs("b", {})).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

function toNumbers(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
