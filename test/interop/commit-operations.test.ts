import { join } from "node:path";
import { clone, create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { toArrowSchema } from "../../src/format/arrow-schema.ts";
import { FieldSchema } from "../../src/proto/gen/lance/file_pb.ts";
import type { DataFragment } from "../../src/proto/gen/lance/table_pb.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import type { Store } from "../../src/store/store.ts";
import { commit } from "../../src/table/commit/commit.ts";
import type { OperationOf } from "../../src/table/commit/operation.ts";
import { readDeletions } from "../../src/table/deletions/deletions.ts";
import { nextFieldId } from "../../src/table/manifest/field-ids.ts";
import { encodeRowIds } from "../../src/table/row-ids/encode-row-ids.ts";
import { decodeRowVersions, encodeRowVersions } from "../../src/table/row-ids/row-versions.ts";
import { createColumnSource } from "../../src/table/rows/column-source.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { writeFragments } from "../../src/write/write-fragments.ts";
import { decodeRowIds, operation, stageDelete } from "../table/support.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

useNativeSession(async (session) => {
  ({ directory, native } = session);
  await native.run(`
from lance.schema import LanceSchema
def rows(start, count):
    return pa.table({"id": pa.array(range(start, start + count), pa.int32()), "name": [f"row {i}" for i in range(start, start + count)]})
`);
});

const open = (name: string): Promise<Snapshot> => openSnapshot(createNodeFsStore(join(directory, name)), { uri: name });
const span = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);
const rowsOf = (ids: readonly number[], name = "row") => ids.map((id) => ({ id, name: `${name} ${id}` }));

async function stageRows(snapshot: Snapshot, rows: object[]): Promise<DataFragment[]> {
  const names = new Set(Object.keys(rows[0]!));
  const fields = snapshot.schema.fields.filter((field) => names.has(field.name));
  const schema = { ...snapshot.schema, fields };
  const source = await toRecordBatches(rows as never, { schema: toArrowSchema(schema) });
  return [...(await writeFragments(snapshot.store as Store, source.batches, { schema, version: "2.1" }))];
}

/** Live rows: id, and where it is. */
async function locate(snapshot: Snapshot) {
  const found: { id: number; fragmentId: number; offset: number }[] = [];
  for (const { id: fragmentId } of snapshot.fragments) {
    for await (const { values, rowIds } of createColumnSource(snapshot, "id", [fragmentId], {
      rowIdDomain: "address",
    }).batches()) {
      rowIds.forEach((address, i) => {
        found.push({ id: (values.values as Int32Array)[i]!, fragmentId, offset: Number(address & 0xffffffffn) });
      });
    }
  }
  return found;
}

/** Rows renamed by moving them: their old places deleted, new ones in a fragment of their own. */
async function stageUpdate(snapshot: Snapshot, ids: readonly number[], name: string): Promise<OperationOf<"update">> {
  const places = (await locate(snapshot)).filter(({ id }) => ids.includes(id));
  const rows: Record<number, number[]> = {};
  for (const { fragmentId, offset } of places) rows[fragmentId] = [...(rows[fragmentId] ?? []), offset];
  for (const fragment of snapshot.fragments) {
    if (rows[fragment.id] === undefined) continue;
    rows[fragment.id] = [...rows[fragment.id]!, ...((await readDeletions(snapshot, fragment)) ?? [])].sort(
      (a, b) => a - b,
    );
  }
  const staged = await stageDelete(snapshot, rows);
  const newFragments = await stageRows(
    snapshot,
    rowsOf(
      places.map(({ id }) => id),
      name,
    ),
  );
  if (snapshot.stableRowIds) {
    const rowIds = places.map(({ fragmentId, offset }) => {
      const { proto } = snapshot.fragments.find((fragment) => fragment.id === fragmentId)!;
      return decodeRowIds(proto.inlineRowIds!, Number(proto.physicalRows))[offset]!;
    });
    newFragments[0]!.inlineRowIds = encodeRowIds(BigUint64Array.from(rowIds));
  }
  return operation("update", {
    updatedFragments: staged.value.updatedFragments,
    newFragments,
    fieldsForPreservingFragBitmap: [snapshot.schema.fields.find((field) => field.name === "name")!.id],
  });
}

/** All fragments written into one, at an id reserved for it. */
async function rewriteAll(snapshot: Snapshot): Promise<Snapshot> {
  const reserved = await commit(snapshot, operation("reserveFragments", { numFragments: 1 }));
  const places = await locate(reserved);
  const [fragment] = (await stageRows(reserved, rowsOf(places.map(({ id }) => id)))) as [DataFragment];
  fragment.id = BigInt(reserved.manifest.maxFragmentId!);
  if (reserved.stableRowIds) {
    const pick = (read: (proto: DataFragment, numRows: number) => BigUint64Array) =>
      BigUint64Array.from(
        places.map(({ fragmentId, offset }) => {
          const { proto, physicalRows } = reserved.fragments.find((one) => one.id === fragmentId)!;
          return read(proto, physicalRows)[offset]!;
        }),
      );
    fragment.inlineRowIds = encodeRowIds(pick((proto, numRows) => decodeRowIds(proto.inlineRowIds!, numRows)));
    fragment.inlineCreatedAtVersions = encodeRowVersions(
      pick((proto, numRows) => decodeRowVersions(proto.inlineCreatedAtVersions, numRows)),
    );
    fragment.inlineLastUpdatedAtVersions = encodeRowVersions(
      pick((proto, numRows) => decodeRowVersions(proto.inlineLastUpdatedAtVersions, numRows)),
    );
  }
  const oldFragments = reserved.fragments.map(({ proto }) => proto);
  return commit(reserved, operation("rewrite", { groups: [{ oldFragments, newFragments: [fragment] }] }));
}

describe.each([
  ["addresses", false],
  ["stable row ids", true],
])("turn by turn, on a table of %s", (label, stable) => {
  test("both commit every operation on top of each other, and see the same rows after each", async () => {
    const name = `turns-${label.replaceAll(" ", "-")}`;
    await native.run(`
lance.write_dataset(rows(0, 300), "${name}", max_rows_per_file=100, data_storage_version="2.1", enable_stable_row_ids=${stable ? "True" : "False"})
lance.dataset("${name}").create_scalar_index("id", "BTREE")
`);
    let ids = span(0, 300);
    const check = async (what: string) => {
      const snapshot = await open(name);
      const seen = (await native.run(`
d = lance.dataset("${name}")
d.validate()
t = d.to_table(columns=["id"], with_row_id=True${stable ? `, filter="_row_created_at_version > 0"` : ""})
one = d.to_table(filter="id = ${ids[5]}")
out = [d.version, sorted(t["id"].to_pylist()), d.schema.names, one["id"].to_pylist(), [f.metadata.id for f in d.get_fragments()]]
`)) as unknown[];
      const mine = (await locate(snapshot)).map(({ id }) => id).sort((a, b) => a - b);
      expect(mine, what).toEqual(ids);
      const fields = snapshot.schema.fields.map((field) => field.name);
      const fragments = snapshot.fragments.map((fragment) => fragment.id);
      expect(seen, what).toEqual([snapshot.version, ids, fields, [ids[5]], fragments]);
    };
    const ours: [string, (snapshot: Snapshot) => Promise<unknown>][] = [
      ["append", (snapshot) => appendRows(snapshot, rowsOf(span(1000, 1010)))],
      ["delete", async (snapshot) => deleteRows(snapshot, await placesOf(snapshot, [1, 2]), { predicate: "x" })],
      ["update", async (snapshot) => commit(snapshot, await stageUpdate(snapshot, [10, 110, 1003], "new"))],
      ["rewrite", rewriteAll],
      ["append", (snapshot) => appendRows(snapshot, rowsOf(span(1010, 1020)))],
      [
        "merge",
        async (snapshot) => {
          const id = nextFieldId(snapshot.manifest);
          const schema = [
            ...snapshot.manifest.fields,
            create(FieldSchema, { id, parentId: -1, name: "later", logicalType: "int64", nullable: true }),
          ];
          const fragments = snapshot.fragments.map(({ proto }) => proto);
          return commit(snapshot, operation("merge", { fragments, schema, preservesNullability: true }));
        },
      ],
      [
        "project",
        async (snapshot) => {
          const schema = snapshot.manifest.fields
            .map((field) => clone(FieldSchema, field))
            .filter((field) => field.name !== "later");
          return commit(snapshot, operation("project", { schema, preservesNullability: true }));
        },
      ],
      ["restore", (snapshot) => commit(snapshot, operation("restore", { version: BigInt(snapshot.version - 3) }))],
      [
        "updateConfig",
        async (snapshot) =>
          commit(
            snapshot,
            operation("updateConfig", {
              configUpdates: { updateEntries: [{ key: "a", value: "1" }] },
              fieldMetadataUpdates: { 0: { updateEntries: [{ key: "unit", value: "none" }] } },
            }),
          ),
      ],
      [
        "overwrite",
        async (snapshot) =>
          commit(
            snapshot,
            operation("overwrite", {
              fragments: await stageRows(snapshot, rowsOf(span(0, 50))),
              schema: snapshot.manifest.fields,
            }),
          ),
      ],
      ["append", (snapshot) => appendRows(snapshot, rowsOf(span(1020, 1030)))],
    ];
    const theirs = [
      `d.insert(rows(2000, 10))`,
      `d.delete("id in (3, 4)")`,
      `d.update({"name": "'theirs'"}, where="id in (20, 120, 2003)")`,
      `d.optimize.compact_files()`,
      `d.insert(rows(2010, 5))`,
      `d.add_columns({"twice": "id * 2"})`,
      `d.drop_columns(["twice"])`,
      `lance.dataset("${name}", version=d.version - 3).restore()`,
      `d.update_config({"b": "2"})`,
      `lance.write_dataset(rows(0, 60), "${name}", mode="overwrite", data_storage_version="2.1")`,
      `d.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows(50, 20))`,
    ];
    const after: ((ids: number[]) => number[])[] = [
      (now) => [...now, ...span(1000, 1010), ...span(2000, 2010)],
      (now) => now.filter((id) => id < 1 || id > 4),
      (now) => now,
      (now) => now,
      (now) => [...now, ...span(1010, 1020), ...span(2010, 2015)],
      (now) => now,
      (now) => now,
      (now) => now,
      (now) => now,
      () => span(0, 60),
      (now) => [...now, ...span(60, 70), ...span(1020, 1030)],
    ];
    for (const [i, [what, run]] of ours.entries()) {
      await run(await open(name));
      await native.run(`
d = lance.dataset("${name}")
d.validate()
${theirs[i]}
`);
      ids = after[i]!(ids).sort((a, b) => a - b);
      await check(what);
    }
    expect(
      await native.run(`
d = lance.dataset("${name}")
out = [d.config().get("a"), d.config().get("b"), sorted({type(t.operation).__name__ for t in d.get_transactions(40) if t is not None})]
`),
    ).toEqual([
      "1",
      "2",
      expect.arrayContaining([
        "Append",
        "Delete",
        "Merge",
        "Overwrite",
        "Project",
        "Restore",
        "Rewrite",
        "Update",
        "UpdateConfig",
      ]),
    ]);
  });
});

async function placesOf(snapshot: Snapshot, ids: readonly number[]): Promise<Map<number, Uint32Array>> {
  const rows = new Map<number, Uint32Array>();
  for (const { id, fragmentId, offset } of await locate(snapshot)) {
    if (ids.includes(id)) rows.set(fragmentId, Uint32Array.of(...(rows.get(fragmentId) ?? []), offset));
  }
  return rows;
}

test("row ids, births and changes of rows we move are native's, and its index follows them", async () => {
  await native.run(`
lance.write_dataset(rows(0, 200), "lineage", max_rows_per_file=100, data_storage_version="2.1", enable_stable_row_ids=True)
d = lance.dataset("lineage")
d.insert(rows(200, 50))
d.create_scalar_index("id", "BTREE")
d.create_scalar_index("name", "BITMAP")
import shutil
shutil.copytree("lineage", "lineage-native")
lance.dataset("lineage-native").update({"name": "'new ' || cast(id as string)"}, where="id in (7, 210, 120)")
`);
  const snapshot = await open("lineage");
  await commit(snapshot, await stageUpdate(snapshot, [7, 120, 210], "new"));
  const describeTable = (name: string) =>
    native.run(`
d = lance.dataset("${name}")
d.validate()
t = d.scanner(columns=["id", "name", "_rowid", "_row_created_at_version", "_row_last_updated_at_version"]).to_table().sort_by("id")
out = [t.to_pydict(), [[f.id, f.physical_rows] for f in d.get_fragments() for f in [f.metadata]],
       {i["name"]: sorted(i["fragment_ids"]) for i in d.list_indices()},
       d.to_table(filter="id = 210")["name"].to_pylist(), d.to_table(filter="name = 'new 7'")["id"].to_pylist()]
`);
  expect(await describeTable("lineage")).toEqual(await describeTable("lineage-native"));
});

test("a stale update of ours is united with a delete of native's, and native's with ours", async () => {
  await native.run(`
lance.write_dataset(rows(0, 200), "stale", max_rows_per_file=100, data_storage_version="2.1")
stale = lance.dataset("stale")
lance.dataset("stale").delete("id in (1, 2)")
`);
  const snapshot = await openSnapshot(createNodeFsStore(join(directory, "stale")), { uri: "stale", version: 1 });
  const updated = await commit(snapshot, await stageUpdate(snapshot, [5, 105], "new"));
  expect(updated.version).toBe(3);
  await native.run(`stale.update({"name": "'theirs'"}, where="id = 6")`);
  await expect(commit(snapshot, await stageUpdate(snapshot, [2], "new"))).rejects.toMatchObject({
    code: "COMMIT_CONFLICT",
    details: { retryable: true },
  });
  expect(
    await native.run(`
d = lance.dataset("stale")
d.validate()
out = [d.version, d.count_rows(), d.to_table(filter="id in (1, 5, 6, 105, 7)").sort_by("id")["name"].to_pylist()]
`),
  ).toEqual([4, 198, ["new 5", "theirs", "row 7", "new 105"]]);
});
