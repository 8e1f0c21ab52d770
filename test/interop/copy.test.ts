import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDataset } from "../../src/entry-node.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { type StaticHost, startStaticHost } from "../store/support/static-host.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

let scratch: string;
let host: StaticHost;
let native: NativeSession;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lancelet-copy-"));
  host = await startStaticHost();
  native = openNativeSession(scratch);
});
afterAll(async () => {
  native?.close();
  await host?.close();
  await rm(scratch, { recursive: true, force: true });
});

function listFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? listFiles(path) : [path];
  });
}

const DESCRIBE = `
out = [ds.version, ds.count_rows(), ds.to_table(columns=["id"])["id"].to_pylist(),
       ds.to_table(columns=["id"], filter="id = 42")["id"].to_pylist(),
       "ScalarIndexQuery" in ds.scanner(filter="id = 42").explain_plan(),
       [len(blob.readall()) for blob in ds.take_blobs("b", indices=[0, 1, 2])]]
`;

it.each(["a folder that lists", "a host that does not"])(
  "native Lance opens the copy of a pinned version from %s",
  async (from) => {
    const name = from.includes("folder") ? "listed" : "hosted";
    const expected = await native.run(`
size = lambda i: [10, 100_000, 5_000_000][i] if i < 3 else 5
rows = pa.table({"id": pa.array(range(200), pa.int64()), "b": lance.blob_array([b"x" * size(i) for i in range(200)])})
ds = lance.write_dataset(rows, "${name}.lance", data_storage_version="2.2", max_rows_per_file=80)
ds.create_scalar_index("id", "BTREE")
ds.delete("id % 10 = 7")
ds.update({"id": "id + 1000"}, where="id = 5")
ds = ds.checkout_version(4)
${DESCRIBE}`);
    await native.run(`lance.dataset("${name}.lance").delete("id > 100")`);
    const source = join(scratch, `${name}.lance`);
    host.objects.clear();
    for (const file of listFiles(source)) host.objects.set(relative(source, file), readFileSync(file));
    const dataset = await openDataset(name === "listed" ? source : host.url, { version: 4 });
    await dataset.copyTo(createNodeFsStore(join(scratch, `${name}-copy.lance`)));
    await rm(source, { recursive: true });
    const copied = await native.run(`
ds = lance.dataset("${name}-copy.lance")
ds.validate()
${DESCRIBE}`);
    expect(copied).toEqual(expected);
    expect((expected as unknown[])[4]).toBe(true);
    expect((expected as unknown[])[5]).toEqual([10, 100_000, 5_000_000]);
    // The copy is a table like any other.
    await native.run(`lance.dataset("${name}-copy.lance").delete("id = 3")`);
    expect((await openDataset(join(scratch, `${name}-copy.lance`))).version).toBe(5);
  },
);

it("a shallow clone is copied whole: native Lance opens it without the table it was cloned from", async () => {
  const expected = await native.run(`
import os
rows = pa.table({"id": list(range(50))})
ds = lance.write_dataset(rows, os.path.abspath("cloned.lance"), max_rows_per_file=20)
ds.create_scalar_index("id", "BTREE")
ds.delete("id % 10 = 7")
clone = ds.shallow_clone(os.path.abspath("clone.lance"), ds.version)
lance.write_dataset(pa.table({"id": [100]}), clone, mode="append")
out = lance.dataset("clone.lance").to_table()["id"].to_pylist()`);
  const clone = await openDataset(join(scratch, "clone.lance"));
  await clone.copyTo(createNodeFsStore(join(scratch, "clone-copy.lance")));
  for (const name of ["cloned.lance", "clone.lance"]) await rm(join(scratch, name), { recursive: true });
  const copied = await native.run(`
ds = lance.dataset("clone-copy.lance")
ds.validate()
assert "ScalarIndexQuery" in ds.scanner(filter="id = 42").explain_plan()
out = ds.to_table()["id"].to_pylist()`);
  expect(copied).toEqual(expected);
});
