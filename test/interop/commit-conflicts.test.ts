import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { toArrowSchema } from "../../src/format/arrow-schema.ts";
import { FieldSchema } from "../../src/proto/gen/lance/file_pb.ts";
import type { DataFragment } from "../../src/proto/gen/lance/table_pb.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { commit } from "../../src/table/commit/commit.ts";
import type { RebasableOperation } from "../../src/table/commit/operation.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { writeFragments } from "../../src/write/write-fragments.ts";
import { operation } from "../table/support.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

/** Each operation as native stages it: on fragment 0, but for those marked as elsewhere. */
const NATIVE: Readonly<Record<string, string>> = {
  append: `op.Append([new(5)])`,
  delete: `op.Delete([], [0], "x")`,
  "delete elsewhere": `op.Delete([], [1], "x")`,
  update: `op.Update(removed_fragment_ids=[0], new_fragments=[new(100)], fields_modified=[], update_mode="rewrite_rows")`,
  rewrite: `op.Rewrite([op.RewriteGroup([meta[0]], [new(100)])], [])`,
  "rewrite elsewhere": `op.Rewrite([op.RewriteGroup([meta[1]], [new(100)])], [])`,
  overwrite: `op.Overwrite(base.schema, [new(7)])`,
  merge: `op.Merge(meta, added, preserves_nullability=True)`,
  "merge changing nullability": `op.Merge(meta, added)`,
  restore: `op.Restore(1)`,
  project: `op.Project(dropped, preserves_nullability=True)`,
  "project changing nullability": `op.Project(dropped)`,
  updateConfig: `op.UpdateConfig(config_updates=op.UpdateMap({"k": "v"}))`,
  "updateConfig of a field": `op.UpdateConfig(field_metadata_updates={0: op.UpdateMap({"k": "v"})})`,
};

useNativeSession(async (session) => {
  ({ directory, native } = session);
  await native.run(`
import shutil
from lance.schema import LanceSchema
op = lance.LanceOperation
def rows(start, count):
    return pa.table({"id": pa.array(range(start, start + count), pa.int32()), "name": [f"row {i}" for i in range(start, start + count)]})
def attempt(name, text):
    global base, meta, added, dropped
    base = lance.dataset(name, version=1)
    meta = [f.metadata for f in base.get_fragments()]
    added = pa.schema([*base.schema, pa.field("more", pa.int64())])
    dropped = LanceSchema.from_pyarrow(pa.schema([base.schema.field("id")]))
    try:
        d = lance.LanceDataset.commit(name, eval(text), read_version=1, max_retries=5)
        d.validate()
        d.to_table()
        return "-"
    except Exception as error:
        reason = str(error)
        if "Retryable" in reason: return "R"
        if "onflict" in reason or "ncompatible" in reason: return "X"
        raise
lance.write_dataset(rows(0, 200), "base", max_rows_per_file=100, data_storage_version="2.1")
# Staged before anything else happens to the table; copies of it have the files.
staged = {count: lance.fragment.LanceFragment.create("base", rows(1000, count), data_storage_version="2.1") for count in (5, 7, 100)}
new = staged.get
`);
});

async function stageRows(snapshot: Snapshot, count: number): Promise<DataFragment[]> {
  const data = Array.from({ length: count }, (_, i) => ({ id: 1000 + i, name: `row ${1000 + i}` }));
  const { schema } = snapshot;
  const source = await toRecordBatches(data, { schema: toArrowSchema(schema) });
  return [
    ...(await writeFragments(createNodeFsStore(join(directory, snapshot.uri)), source.batches, {
      schema,
      version: "2.1",
    })),
  ];
}

/** The same operations, staged by us. */
async function stage(snapshot: Snapshot, name: string): Promise<RebasableOperation> {
  const [kind, more = ""] = name.split(/ (.*)/) as [string, string?];
  const { manifest, fragments } = snapshot;
  const id = more === "elsewhere" ? 1 : 0;
  const preservesNullability = more === "";
  switch (kind) {
    case "append":
      return operation("append", { fragments: await stageRows(snapshot, 5) });
    case "delete":
      return operation("delete", { deletedFragmentIds: [BigInt(id)], predicate: "x" });
    case "update":
      return operation("update", { removedFragmentIds: [0n], newFragments: await stageRows(snapshot, 100) });
    case "rewrite": {
      const newFragments = await stageRows(snapshot, 100);
      return operation("rewrite", { groups: [{ oldFragments: [fragments[id]!.proto], newFragments }] });
    }
    case "overwrite":
      return operation("overwrite", { fragments: await stageRows(snapshot, 7), schema: manifest.fields });
    case "merge": {
      const added = create(FieldSchema, { id: 2, parentId: -1, name: "more", logicalType: "int64", nullable: true });
      const schema = [...manifest.fields, added];
      return operation("merge", { fragments: fragments.map(({ proto }) => proto), schema, preservesNullability });
    }
    case "restore":
      return operation("restore", { version: 1n });
    case "project":
      return operation("project", { schema: manifest.fields.slice(0, 1), preservesNullability });
    default: {
      const change = { updateEntries: [{ key: "k", value: "v" }] };
      const value = more === "" ? { configUpdates: change } : { fieldMetadataUpdates: { 0: change } };
      return operation("updateConfig", value);
    }
  }
}

const open = (name: string, version?: number) =>
  openSnapshot(createNodeFsStore(join(directory, name)), { uri: name, version });

async function attempt(name: string, kind: string): Promise<string> {
  const snapshot = await open(name, 1);
  try {
    await commit(snapshot, await stage(snapshot, kind));
    return "-";
  } catch (error) {
    if (!isLanceError(error, "COMMIT_CONFLICT")) throw error;
    return error.details.retryable === true ? "R" : "X";
  }
}

/** Native 14.0.2 judges over our transaction as over its own, and so do we; both then read what stands. */
test.each(Object.keys(NATIVE))(
  "both judge every pair alike, and read what both wrote: theirs is %s",
  async (theirs) => {
    const committedByNative = `native ${theirs}`;
    const committedByUs = `ours ${theirs}`;
    for (const name of [committedByNative, committedByUs])
      await cp(join(directory, "base"), join(directory, name), { recursive: true });
    expect(await native.run(`out = attempt("${committedByNative}", ${JSON.stringify(NATIVE[theirs])})`)).toBe("-");
    expect(await attempt(committedByUs, theirs)).toBe("-");
    const verdicts: Record<string, string> = {};
    const expected: Record<string, string> = {};
    for (const ours of Object.keys(NATIVE)) {
      const results: string[] = [];
      for (const base of [committedByNative, committedByUs]) {
        for (const side of ["native", "us"]) {
          const name = `${base} then ${ours} by ${side}`;
          await cp(join(directory, base), join(directory, name), { recursive: true });
          results.push(
            side === "us"
              ? await attempt(name, ours)
              : ((await native.run(`out = attempt("${name}", ${JSON.stringify(NATIVE[ours])})`)) as string),
          );
          expect(
            await native.run(`
d = lance.dataset("${name}")
d.validate()
d.to_table()
out = d.version
`),
            name,
          ).toBe((await open(name)).version);
          await rm(join(directory, name), { recursive: true });
        }
      }
      verdicts[ours] = results.join("");
      expected[ours] = results[0]!.repeat(4);
    }
    expect(verdicts).toEqual(expected);
  },
  120_000,
);
