import { clone, create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { holdsRowAddresses } from "../../src/index/registry.ts";
import { FieldSchema } from "../../src/proto/gen/lance/file_pb.ts";
import {
  type DataFragment,
  DataFragmentSchema,
  type IndexMetadata,
  ManifestSchema,
} from "../../src/proto/gen/lance/table_pb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { buildNextVersion } from "../../src/table/commit/build-manifest.ts";
import { commit } from "../../src/table/commit/commit.ts";
import type { RebasableOperation } from "../../src/table/commit/operation.ts";
import { decodeFragmentBitmap, encodeFragmentBitmap } from "../../src/table/fragment-bitmap.ts";
import { nextFieldId } from "../../src/table/manifest/field-ids.ts";
import { encodeRowIds } from "../../src/table/row-ids/encode-row-ids.ts";
import { decodeRowVersions } from "../../src/table/row-ids/row-versions.ts";
import { openVersion, type Snapshot } from "../../src/table/snapshot.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import {
  appendOf,
  commitForeign,
  createIndexOf,
  createTable,
  decodeRowIds,
  operation,
  stageDelete,
  stageFragment,
  stageIndex,
} from "./support.ts";

useTestRuntime();

const idsOf = (snapshot: Snapshot) => snapshot.fragments.map((fragment) => fragment.id);
const protoOf = (snapshot: Snapshot, id: number) => snapshot.fragments.find((one) => one.id === id)!.proto;
const rowIdsOf = ({ inlineRowIds, physicalRows }: DataFragment) => [
  ...decodeRowIds(inlineRowIds!, Number(physicalRows)),
];
const createdOf = (one: DataFragment) => [...decodeRowVersions(one.inlineCreatedAtVersions, Number(one.physicalRows))];
const updatedOf = (one: DataFragment) => [
  ...decodeRowVersions(one.inlineLastUpdatedAtVersions, Number(one.physicalRows)),
];
const withFields = (fields: number[], path: string) =>
  create(DataFragmentSchema, {
    files: [{ path, fields, columnIndices: fields.map((_, i) => i), fileMajorVersion: 2, fileMinorVersion: 1 }],
  }).files;
const coverageOf = async (snapshot: Snapshot): Promise<Record<string, number[]>> => {
  const found: Record<string, number[]> = {};
  for (const index of snapshot.indices) found[index.name] = [...(await decodeFragmentBitmap(index.fragmentBitmap))];
  return found;
};
const moved = (numRows: number, ids?: readonly bigint[]) => {
  const fragment = stageFragment(numRows);
  if (ids) fragment.inlineRowIds = encodeRowIds(BigUint64Array.from(ids));
  return fragment;
};
/** An update that moves rows out of fragments, as their deletion files say. */
const updateOf = async (
  snapshot: Snapshot,
  rows: Record<number, readonly number[]>,
  more: {
    newFragments: DataFragment[];
    removedFragmentIds?: bigint[];
    fieldsForPreservingFragBitmap?: number[];
  },
) => operation("update", { updatedFragments: (await stageDelete(snapshot, rows)).value.updatedFragments, ...more });

describe("update", () => {
  test("moves rows to new fragments, drops those left empty and withdraws nothing from indexes of addresses", async () => {
    const base = await createTable(createMemoryStore());
    const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0, 1, 2])]));
    const update = await updateOf(
      indexed,
      { 0: [1, 2] },
      { newFragments: [stageFragment(102)], removedFragmentIds: [1n] },
    );
    const done = await commit(indexed, update);
    expect(idsOf(done)).toEqual([0, 2, 3]);
    expect(done.fragments.map((fragment) => fragment.numRows)).toEqual([98, 100, 102]);
    expect(done.manifest.maxFragmentId).toBe(3);
    expect(done.source.indexSection).toEqual(indexed.source.indexSection);
    expect(done.manifest.readerFeatureFlags).toBe(1n);
  });

  test("with stable row ids moved rows keep id and birth; rows after them are new", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const two = await commit(base, appendOf(stageFragment(10)));
    // Rows 5 of fragment 0 and 3 of fragment 2 (id 203), and one that is inserted.
    const update = await updateOf(two, { 0: [5], 2: [3] }, { newFragments: [moved(3, [203n, 5n])] });
    const three = await commit(two, update);
    const made = protoOf(three, 3);
    expect(rowIdsOf(made)).toEqual([203n, 5n, 210n]);
    expect(createdOf(made)).toEqual([2n, 1n, 3n]);
    expect(updatedOf(made)).toEqual([3n, 3n, 3n]);
    expect(three.manifest.nextRowId).toBe(211n);
    expect(createdOf(protoOf(three, 2))).toEqual(Array(10).fill(2n));
    // Once more: what was inserted above dates from there.
    const four = await commit(three, await updateOf(three, { 3: [0, 2] }, { newFragments: [moved(2, [210n, 203n])] }));
    expect(createdOf(protoOf(four, 4))).toEqual([3n, 2n]);
    expect(updatedOf(protoOf(four, 4))).toEqual([4n, 4n]);
  });

  test("the first and the last row of a fragment are found too; ids of an append are drawn, whatever it says", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const two = await commit(base, appendOf(moved(1, [7n])));
    expect(rowIdsOf(protoOf(two, 2))).toEqual([200n]);
    const three = await commit(two, await updateOf(two, { 0: [0] }, { newFragments: [moved(1, [0n])] }));
    expect(createdOf(protoOf(three, 3))).toEqual([1n]);
    const four = await commit(three, await updateOf(three, { 1: [99] }, { newFragments: [moved(1, [199n])] }));
    expect(createdOf(protoOf(four, 4))).toEqual([1n]);
  });

  test("a table without stable row ids takes none", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const done = await commit(base, await updateOf(base, { 0: [0] }, { newFragments: [moved(1, [0n])] }));
    expect(protoOf(done, 1).inlineRowIds).toBeUndefined();
  });

  test("a row id nobody gave out is refused", async () => {
    const base = await createTable(createMemoryStore(), 1, { stableRowIds: true });
    const update = await updateOf(base, { 0: [5] }, { newFragments: [moved(1, [100n])] });
    await expect(commit(base, update)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", details: { rowId: "100" } });
  });

  test("indexes of stable ids follow moved rows, where none of their fields changed and they covered all", async () => {
    const base = await createTable(createMemoryStore(), 3, { stableRowIds: true });
    const addresses = await stageIndex("zones", [0, 1, 2]);
    addresses.indexDetails = {
      $typeName: "lance.any.AnyValue",
      typeUrl: "/lance.table.ZoneMapIndexDetails",
      value: new Uint8Array(),
    };
    const all = [
      await stageIndex("a_idx", [0, 1, 2]),
      await stageIndex("b_idx", [0, 1, 2], 1),
      await stageIndex("a_part", [0, 2]),
      addresses,
    ];
    const indexed = await commit(base, createIndexOf(all));
    const newFragments = [moved(2, [5n, 105n]), moved(1)];
    const fieldsForPreservingFragBitmap = [1];
    const done = await commit(
      indexed,
      await updateOf(indexed, { 0: [5], 1: [5] }, { newFragments, fieldsForPreservingFragBitmap }),
      { holdsRowAddresses },
    );
    expect(await coverageOf(done)).toEqual({ a_idx: [0, 1, 2, 3], b_idx: [0, 1, 2], a_part: [0, 2], zones: [0, 1, 2] });
  });

  test("with nobody to tell which indexes hold addresses, none follows moved rows", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0, 1])]));
    const done = await commit(indexed, await updateOf(indexed, { 0: [5] }, { newFragments: [moved(1, [5n])] }));
    expect(await coverageOf(done)).toEqual({ a_idx: [0, 1] });
  });

  test("columns written anew in place: files, lineage of the rows named, coverage withdrawn", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const indexed = await commit(
      base,
      createIndexOf([await stageIndex("a_idx", [0, 1]), await stageIndex("b_idx", [0, 1], 1)]),
    );
    const updated = clone(DataFragmentSchema, protoOf(indexed, 0));
    updated.files[0]!.fields = [0, -2];
    updated.files.push(...withFields([1], "new-b"));
    // What was staged beside the files is not taken over.
    updated.inlineRowIds = encodeRowIds(new BigUint64Array(100).map((_, i) => BigInt(100 + i)));
    const bitmap = await encodeFragmentBitmap([2, 4]);
    const done = await commit(
      indexed,
      operation("update", {
        updatedFragments: [updated],
        fieldsModified: [1],
        updateMode: 1,
        updatedFragmentOffsetBitmaps: { 0: bitmap },
      }),
    );
    expect(protoOf(done, 0).files.map((file) => file.fields)).toEqual([[0, -2], [1]]);
    expect(updatedOf(protoOf(done, 0)).slice(0, 6)).toEqual([1n, 1n, 3n, 1n, 3n, 1n]);
    expect(updatedOf(protoOf(done, 1))).toEqual(Array(100).fill(1n));
    expect(rowIdsOf(protoOf(done, 0))).toEqual(rowIdsOf(protoOf(base, 0)));
    expect(await coverageOf(done)).toEqual({ a_idx: [0, 1], b_idx: [1] });
    // A file that has lost all its columns goes.
    const again = clone(DataFragmentSchema, protoOf(done, 0));
    again.files[1]!.fields = [-2];
    again.files.push(...withFields([1], "newer-b"));
    const last = await commit(
      done,
      operation("update", { updatedFragments: [again], fieldsModified: [1], updateMode: 1 }),
    );
    expect(protoOf(last, 0).files.map((file) => file.fields)).toEqual([[0, -2], [1]]);
    expect(protoOf(last, 0).files[1]!.path).toBe("newer-b");
  });

  test("an index on a child is withdrawn when its parent was written anew", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const child = create(FieldSchema, { id: 2, parentId: 1, name: "x", logicalType: "int32" });
    const nested = await commitForeign(base, operation("project", {}), {
      change: (manifest) => {
        manifest.fields[1]!.logicalType = "struct";
        manifest.fields.push(child);
      },
    });
    const indexed = await commit(nested, createIndexOf([await stageIndex("x_idx", [0], 2)]));
    const updated = protoOf(indexed, 0);
    const done = await commit(
      indexed,
      operation("update", { updatedFragments: [updated], fieldsModified: [1], updateMode: 1 }),
    );
    expect(await coverageOf(done)).toEqual({ x_idx: [] });
  });

  test("racing with a delete of other rows unites them; of the same rows it is to be done again", async () => {
    const base = await createTable(createMemoryStore(), 2);
    await commit(base, await stageDelete(base, { 0: [7, 9] }));
    const done = await commit(base, await updateOf(base, { 0: [1, 2] }, { newFragments: [stageFragment(2)] }));
    expect(done.version).toBe(3);
    expect(done.fragments.map((fragment) => fragment.numDeletedRows)).toEqual([4, 0, 0]);
    const same = commit(base, await updateOf(base, { 0: [7] }, { newFragments: [stageFragment(1)] }));
    await expect(same).rejects.toMatchObject({ code: "COMMIT_CONFLICT", details: { retryable: true } });
  });

  test("a stale delete brings its deletions only: files that went meanwhile stay away", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const split = clone(DataFragmentSchema, protoOf(base, 0));
    split.files = [...withFields([0], "a"), ...withFields([1], "b")];
    const { fields } = base.manifest;
    const two = await commit(base, operation("merge", { fragments: [split], schema: fields }));
    await commit(two, operation("project", { schema: fields.slice(0, 1), preservesNullability: true }));
    const done = await commit(two, await stageDelete(two, { 0: [1] }));
    expect(protoOf(done, 0).files.map((file) => file.path)).toEqual(["a"]);
    expect(done.fragments[0]!.numDeletedRows).toBe(1);
  });

  test("racing with a column dropped: files of that column alone go", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const fields = base.manifest.fields.slice(0, 1);
    await commit(base, operation("project", { schema: fields, preservesNullability: true }));
    const fragment = stageFragment(1);
    fragment.files = [...withFields([0], "kept"), ...withFields([1], "gone")];
    const done = await commit(base, await updateOf(base, { 0: [1] }, { newFragments: [fragment] }));
    expect(protoOf(done, 1).files.map((file) => file.path)).toEqual(["kept"]);
  });
});

describe("merge and project", () => {
  const addField = (snapshot: Snapshot, id = nextFieldId(snapshot.manifest)) => [
    ...snapshot.manifest.fields,
    create(FieldSchema, { id, parentId: -1, name: `c${id}`, logicalType: "int32", nullable: true }),
  ];

  test("a merge takes schema, metadata and files, and draws ids for what is new", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const fragments = base.fragments.map(({ proto, id }) => {
      const merged = clone(DataFragmentSchema, proto);
      if (id === 1) merged.files.push(...withFields([2], "c"));
      return merged;
    });
    const schemaMetadata = { k: new TextEncoder().encode("v") };
    const value = { fragments: [...fragments, stageFragment(5)], schema: addField(base), schemaMetadata };
    const done = await commit(base, operation("merge", value));
    expect(done.schema.fields.map((field) => [field.id, field.name])).toEqual([
      [0, "a"],
      [1, "b"],
      [2, "c2"],
    ]);
    expect(Object.keys(done.manifest.schemaMetadata)).toEqual(["k"]);
    expect(idsOf(done)).toEqual([0, 1, 2]);
    expect(rowIdsOf(protoOf(done, 2))).toEqual([200n, 201n, 202n, 203n, 204n]);
    expect(updatedOf(protoOf(done, 0))[0]).toBe(1n);
    expect(updatedOf(protoOf(done, 1))[0]).toBe(2n);
    expect(createdOf(protoOf(done, 1))[0]).toBe(1n);
  });

  test("a merge that writes a column anew withdraws its index there; one that drops a field drops its index", async () => {
    const base = await createTable(createMemoryStore(), 2);
    const indexed = await commit(
      base,
      createIndexOf([await stageIndex("a_idx", [0, 1]), await stageIndex("b_idx", [0, 1], 1)]),
    );
    const fragments = indexed.fragments.map(({ proto }) => clone(DataFragmentSchema, proto));
    fragments[0]!.files = [...withFields([0], "new-a"), ...withFields([1], "new-b")];
    const done = await commit(indexed, operation("merge", { fragments, schema: indexed.manifest.fields.slice(0, 1) }));
    expect(await coverageOf(done)).toEqual({ a_idx: [1] });
  });

  test("a file all of whose columns others took over goes with a merge", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const merged = clone(DataFragmentSchema, protoOf(base, 0));
    merged.files[0]!.fields = [-2, -2];
    merged.files.push(...withFields([0, 1], "both"));
    const done = await commit(base, operation("merge", { fragments: [merged], schema: base.manifest.fields }));
    expect(protoOf(done, 0).files.map((file) => file.path)).toEqual(["both"]);
  });

  test("a merge must name every fragment, with its rows, and give no id twice", async () => {
    const base = await createTable(createMemoryStore(), 2);
    const [first, second] = base.fragments.map(({ proto }) => clone(DataFragmentSchema, proto)) as [
      DataFragment,
      DataFragment,
    ];
    const schema = addField(base);
    const wrong: DataFragment[][] = [
      [first],
      [first, { ...second, physicalRows: 99n }],
      [stageFragment(), first, second],
    ];
    for (const fragments of wrong) {
      await expect(commit(base, operation("merge", { fragments, schema }))).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
    const dropped = await commit(base, operation("project", { schema: base.manifest.fields.slice(0, 1) }));
    const fragments = dropped.fragments.map(({ proto }) => proto);
    const reused = commit(dropped, operation("merge", { fragments, schema: addField(dropped, 1) }));
    await expect(reused).rejects.toMatchObject({ code: "INVALID_ARGUMENT", details: { lowest: 2 } });
  });

  test("a projection keeps schema metadata and all else, and drops files and indexes of fields that went", async () => {
    const base = await createTable(createMemoryStore(), 2);
    const all = [
      await stageIndex("a_idx", [0, 1]),
      await stageIndex("b_idx", [0, 1], 1),
      await stageIndex("__lance_frag_reuse", []),
    ];
    const indexed = await commit(base, createIndexOf(all));
    const split = indexed.fragments.map(({ proto }) => clone(DataFragmentSchema, proto));
    for (const fragment of split) fragment.files = [...withFields([0], "a"), ...withFields([1], "b")];
    const two = await commit(
      indexed,
      operation("merge", {
        fragments: split,
        schema: indexed.manifest.fields,
        schemaMetadata: { k: new Uint8Array([1]) },
      }),
    );
    const done = await commit(
      two,
      operation("project", { schema: two.manifest.fields.slice(1), preservesNullability: true }),
    );
    expect(done.schema.fields.map((field) => field.name)).toEqual(["b"]);
    expect(done.manifest.schemaMetadata).toEqual({ k: new Uint8Array([1]) });
    expect(done.fragments.map(({ proto }) => proto.files.map((file) => file.path))).toEqual([["b"], ["b"]]);
    expect(done.indices.map((index) => index.name)).toEqual(["b_idx", "__lance_frag_reuse"]);
  });
});

describe("overwrite", () => {
  test("goes on with versions, fragment ids and row ids; keeps config and table metadata; drops indexes", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const set = (key: string) => ({ updateEntries: [{ key, value: "1" }] });
    const configured = await commit(
      base,
      operation("updateConfig", { configUpdates: set("old"), tableMetadataUpdates: set("about") }),
    );
    const indexed = await commit(configured, createIndexOf([await stageIndex("a_idx", [0])]));
    const schema = [create(FieldSchema, { id: 0, parentId: -1, name: "z", logicalType: "int64" })];
    const fragment = { ...stageFragment(7), files: withFields([0], "z") };
    fragment.files[0]!.fileMinorVersion = 2;
    const done = await commit(
      indexed,
      operation("overwrite", { fragments: [fragment], schema, configUpsertValues: { fresh: "2" } }),
    );
    expect(done.version).toBe(4);
    expect(idsOf(done)).toEqual([2]);
    expect(rowIdsOf(protoOf(done, 2))).toEqual([200n, 201n, 202n, 203n, 204n, 205n, 206n]);
    expect(createdOf(protoOf(done, 2))[0]).toBe(4n);
    expect(done.manifest.config).toEqual({ old: "1", fresh: "2" });
    expect(done.manifest.tableMetadata).toEqual({ about: "1" });
    expect(done.indices).toEqual([]);
    expect(done.source.indexSection).toBeUndefined();
    expect(done.storageVersion).toBe("2.2");
    const empty = await commit(done, operation("overwrite", { schema }));
    expect(empty.fragments).toEqual([]);
    expect(empty.manifest.maxFragmentId).toBe(2);
    expect(idsOf(await commit(empty, operation("append", { fragments: [fragment] })))).toEqual([3]);
  });

  test("gives no fragment id twice, also where the table does not note the highest", async () => {
    const base = await createTable(createMemoryStore(), 3);
    const manifest = clone(ManifestSchema, base.manifest);
    delete manifest.maxFragmentId;
    const overwrite = operation("overwrite", { schema: manifest.fields });
    const next = await buildNextVersion({ ...base, manifest }, overwrite, { transactionFile: "t" });
    expect(next.manifest.maxFragmentId).toBe(2);
  });

  test("refuses fragments with deleted rows, files of two versions and base paths", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const deleted = (await commit(base, await stageDelete(base, { 0: [1] }))).fragments[0]!.proto;
    const newer = stageFragment();
    newer.files[0]!.fileMinorVersion = 2;
    const { fields } = base.manifest;
    for (const value of [
      { fragments: [deleted], schema: fields },
      { fragments: [stageFragment(), newer], schema: fields },
      { schema: fields, initialBases: [{ id: 1, path: "/elsewhere" }] },
    ]) {
      await expect(commit(base, operation("overwrite", value))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });
});

describe("rewrite", () => {
  const reserve = async (snapshot: Snapshot, numFragments: number) => {
    const reserved = await commit(snapshot, operation("reserveFragments", { numFragments }));
    return { reserved, first: BigInt(reserved.manifest.maxFragmentId! - numFragments + 1) };
  };

  test("replaces fragments by reserved ids and remapped indexes; the rest keep the old ids", async () => {
    const base = await createTable(createMemoryStore(), 3);
    const [kept, other] = [await stageIndex("a_idx", [0, 1]), await stageIndex("b_idx", [0, 1, 2], 1)];
    kept.baseId = 9;
    const indexed = await commit(base, createIndexOf([kept, other]));
    const { reserved, first } = await reserve(indexed, 2);
    expect(first).toBe(3n);
    const newId = { uuid: crypto.getRandomValues(new Uint8Array(16)) };
    const oldFragments = [protoOf(reserved, 0), protoOf(reserved, 1)];
    const newFragments = [{ ...stageFragment(200), id: first }];
    const rewrittenIndices = [{ oldId: kept.uuid!, newId, newIndexFiles: [{ path: "f", sizeBytes: 5n }] }];
    const done = await commit(
      reserved,
      operation("rewrite", { groups: [{ oldFragments, newFragments }], rewrittenIndices }),
    );
    expect(idsOf(done)).toEqual([2, 3]);
    expect(await coverageOf(done)).toEqual({ a_idx: [3], b_idx: [0, 1, 2] });
    const remapped = done.indices.find((index) => index.name === "a_idx") as IndexMetadata;
    expect(remapped.uuid!.uuid).toEqual(newId.uuid);
    expect(remapped.files.map((file) => file.path)).toEqual(["f"]);
    expect(remapped.baseId).toBeUndefined();
    // Id 4 was reserved and never used; it is not given out again.
    expect(idsOf(await commit(done, appendOf(stageFragment())))).toEqual([2, 3, 5]);
  });

  test("with stable row ids indexes follow, but for those of addresses", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const zones = await stageIndex("zones", [0, 1]);
    zones.indexDetails = {
      $typeName: "lance.any.AnyValue",
      typeUrl: "/lance.table.BTreeIndexDetails",
      value: new Uint8Array(),
    };
    zones.indexVersion = 1;
    const old = clone(DataFragmentSchema, protoOf(base, 0));
    const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0, 1]), zones]));
    const fragment = { ...moved(100, rowIdsOf(old)), id: 0n };
    fragment.inlineCreatedAtVersions = old.inlineCreatedAtVersions!;
    fragment.inlineLastUpdatedAtVersions = old.inlineLastUpdatedAtVersions!;
    const groups = [{ oldFragments: [old], newFragments: [fragment] }];
    const done = await commit(indexed, operation("rewrite", { groups }), { holdsRowAddresses });
    expect(idsOf(done)).toEqual([1, 2]);
    expect(rowIdsOf(protoOf(done, 2))).toEqual(rowIdsOf(old));
    expect(createdOf(protoOf(done, 2))[0]).toBe(1n);
    expect(done.manifest.nextRowId).toBe(200n);
    expect(await coverageOf(done)).toEqual({ a_idx: [1, 2], zones: [1] });
    await expect(
      commit(indexed, operation("rewrite", { groups: [{ oldFragments: [old], newFragments: [stageFragment()] }] })),
    ).rejects.toMatchObject({ code: expect.stringMatching(/INVALID|CONFLICT/) });
  });

  test("a stale rewrite stands beside an index made on other fragments, and not on the same", async () => {
    const base = await createTable(createMemoryStore(), 3);
    await commit(base, createIndexOf([await stageIndex("a_idx", [1, 2])]));
    const rewrite = (id: number) =>
      operation("rewrite", { groups: [{ oldFragments: [protoOf(base, id)], newFragments: [stageFragment(100)] }] });
    expect(idsOf(await commit(base, rewrite(0)))).toEqual([1, 2, 3]);
    await expect(commit(base, rewrite(1))).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: true },
    });
  });

  test("a fragment reuse index stands for indexes that are not remapped, and is built on the one there was", async () => {
    const base = await createTable(createMemoryStore(), 2);
    const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0, 1])]));
    const rewrite = (id: number) =>
      operation("rewrite", { groups: [{ oldFragments: [protoOf(indexed, id)], newFragments: [stageFragment(100)] }] });
    const [first, second] = [await stageIndex("__lance_frag_reuse", [2]), await stageIndex("__lance_frag_reuse", [3])];
    first.fields = [];
    second.fields = [];
    const asked: number[] = [];
    const fragmentReuse = async (version: number) => {
      asked.push(version);
      return first;
    };
    const done = await commit(indexed, rewrite(0), { fragmentReuse });
    expect(asked).toEqual([indexed.version]);
    expect(done.indices.map((index) => index.name)).toEqual(["a_idx", "__lance_frag_reuse"]);
    expect(await coverageOf(done)).toMatchObject({ a_idx: [0, 1] });
    await expect(commit(indexed, rewrite(1), { fragmentReuse: async () => second })).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: true },
    });
    const again = await commit(done, rewrite(1), { fragmentReuse: async () => second });
    expect(again.indices.map((index) => [index.name, index.uuid!.uuid]).at(-1)).toEqual([
      "__lance_frag_reuse",
      second.uuid!.uuid,
    ]);
    expect(again.indices).toHaveLength(2);
  });

  test("refuses a group covered in part, a fragment twice, an id that is not reserved", async () => {
    const base = await createTable(createMemoryStore(), 2);
    const index = await stageIndex("a_idx", [0]);
    const indexed = await commit(base, createIndexOf([index]));
    const both = [protoOf(indexed, 0), protoOf(indexed, 1)];
    const remap = [{ oldId: index.uuid!, newId: { uuid: new Uint8Array(16) } }];
    for (const value of [
      { groups: [{ oldFragments: both, newFragments: [stageFragment()] }], rewrittenIndices: remap },
      { groups: [{ oldFragments: [both[0]!, both[0]!], newFragments: [stageFragment()] }] },
      { groups: [{ oldFragments: both, newFragments: [{ ...stageFragment(), id: 7n }] }] },
      { groups: [{ oldFragments: [both[0]!], newFragments: [{ ...stageFragment(), id: 1n }] }] },
      {
        groups: [{ oldFragments: [both[0]!], newFragments: [stageFragment()] }],
        rewrittenIndices: [...remap, ...remap],
      },
    ]) {
      await expect(commit(indexed, operation("rewrite", value))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    expect((await openVersion(indexed)).version).toBe(2);
  });
});

describe("restore", () => {
  test("is the old version's content as a new one, with the marks of ids given out since", async () => {
    const base = await createTable(createMemoryStore(), 2, { stableRowIds: true });
    const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0])]));
    const grown = await commit(indexed, appendOf(stageFragment()));
    const changed = await commit(grown, operation("overwrite", { schema: grown.manifest.fields }));
    const back = await commit(changed, operation("restore", { version: 2n }));
    expect(back.version).toBe(5);
    expect(idsOf(back)).toEqual([0, 1]);
    expect(back.source.indexSection).toEqual(indexed.source.indexSection);
    expect(back.manifest.maxFragmentId).toBe(2);
    expect(back.manifest.nextRowId).toBe(300n);
    const later = await commit(back, appendOf(stageFragment()));
    expect(rowIdsOf(protoOf(later, 3))[0]).toBe(300n);
    await expect(commit(later, operation("restore", { version: 99n }))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("is refused to a version before rows had stable ids", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const stable = await commitForeign(base, operation("overwrite", {}), {
      change: (manifest) => {
        manifest.readerFeatureFlags |= 2n;
        manifest.writerFeatureFlags |= 2n;
        for (const fragment of manifest.fragments)
          fragment.inlineRowIds = encodeRowIds(new BigUint64Array(100).map((_, i) => BigInt(i)));
      },
    });
    await expect(commit(stable, operation("restore", { version: 1n }))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("config and metadata", () => {
  const textOf = (map: Record<string, Uint8Array>) =>
    Object.fromEntries(Object.entries(map).map(([key, bytes]) => [key, new TextDecoder().decode(bytes)]));
  const entries = (values: Record<string, string | null>, replace = false) => ({
    replace,
    updateEntries: Object.entries(values).map(([key, value]) => (value === null ? { key } : { key, value })),
  });

  test("are set, removed and replaced, in all four maps", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const all = (values: Record<string, string | null>, replace = false) =>
      operation("updateConfig", {
        configUpdates: entries(values, replace),
        tableMetadataUpdates: entries(values, replace),
        schemaMetadataUpdates: entries(values, replace),
        fieldMetadataUpdates: { 1: entries(values, replace) },
      });
    const seen = ({ manifest }: Snapshot) => [
      manifest.config,
      manifest.tableMetadata,
      textOf(manifest.schemaMetadata),
      textOf(manifest.fields[1]!.metadata),
    ];
    const one = await commit(base, all({ a: "1", b: "2" }));
    expect(seen(one)).toEqual(Array(4).fill({ a: "1", b: "2" }));
    expect(one.manifest.writerFeatureFlags).toBe(8n);
    const two = await commit(one, all({ a: null, b: "3", c: "4" }));
    expect(seen(two)).toEqual(Array(4).fill({ b: "3", c: "4" }));
    const three = await commit(two, all({ d: "5" }, true));
    expect(seen(three)).toEqual(Array(4).fill({ d: "5" }));
    const four = await commit(three, all({}, true));
    expect(seen(four)).toEqual(Array(4).fill({}));
    expect(four.manifest.writerFeatureFlags).toBe(0n);
    expect(textOf(four.manifest.fields[0]!.metadata)).toEqual({});
  });

  test("an unknown field and a change of a key column are refused", async () => {
    const base = await createTable(createMemoryStore(), 1);
    const of = (id: number, key: string) =>
      operation("updateConfig", { fieldMetadataUpdates: { [id]: entries({ [key]: "1" }) } });
    await expect(commit(base, of(7, "k"))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(commit(base, of(0, "lance-schema:unenforced-primary-key"))).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });
});

describe("segments of one name", () => {
  test("those left without a live fragment go while another has some; the last one stays", async () => {
    const base = await createTable(createMemoryStore(), 3);
    const indexed = await commit(base, createIndexOf([await stageIndex("a_idx", [0]), await stageIndex("a_idx", [1])]));
    const one = await commit(indexed, await stageDelete(indexed, {}, [0]));
    expect(await coverageOf(one)).toEqual({ a_idx: [1] });
    const two = await commit(one, await stageDelete(one, {}, [1]));
    expect(two.indices).toHaveLength(1);
    // Both at once: the one made first is kept.
    const [young, old] = [await stageIndex("b_idx", [0]), await stageIndex("b_idx", [1])];
    young.createdAt = 9n;
    old.createdAt = 5n;
    const again = await commit(base, createIndexOf([young, old]));
    const none = await commit(again, await stageDelete(again, {}, [2]));
    expect(none.indices.filter(({ name }) => name === "b_idx").map(({ createdAt }) => createdAt)).toEqual([5n]);
  });
});

describe("what this version does not know", () => {
  /** Field 999, a string: `unknown`. */
  const UNKNOWN = { no: 999, wireType: 2, data: new Uint8Array([7, ...new TextEncoder().encode("unknown")]) };

  const operations: Record<string, (snapshot: Snapshot) => Promise<RebasableOperation>> = {
    append: async () => appendOf(stageFragment()),
    delete: (snapshot) => stageDelete(snapshot, { 0: [1] }),
    update: (snapshot) => updateOf(snapshot, { 0: [1] }, { newFragments: [stageFragment(1)] }),
    createIndex: async () => createIndexOf([await stageIndex("b_idx", [0], 1)]),
    rewrite: async (snapshot) =>
      operation("rewrite", { groups: [{ oldFragments: [protoOf(snapshot, 2)], newFragments: [stageFragment(100)] }] }),
    merge: async ({ manifest, fragments }) =>
      operation("merge", {
        fragments: fragments.map(({ proto }) => proto),
        schema: manifest.fields,
        schemaMetadata: manifest.schemaMetadata,
      }),
    project: async ({ manifest }) => operation("project", { schema: manifest.fields }),
    updateConfig: async () => operation("updateConfig", { configUpdates: entries("more") }),
    reserveFragments: async () => operation("reserveFragments", { numFragments: 1 }),
    restore: async ({ version }) => operation("restore", { version: BigInt(version) }),
  };
  const entries = (key: string) => ({ updateEntries: [{ key, value: "1" }] });

  test.each(Object.keys(operations))("survives a commit byte for byte: %s", async (name) => {
    const base = await createTable(createMemoryStore(), 3);
    const index = await stageIndex("a_idx", [0, 1, 2]);
    index.indexDetails = {
      $typeName: "lance.any.AnyValue",
      typeUrl: "/some.future.IndexDetails",
      value: new Uint8Array([1, 2, 3]),
    };
    index.$unknown = [UNKNOWN];
    const system = await stageIndex("__lance_frag_reuse", []);
    system.fields = [];
    system.$unknown = [UNKNOWN];
    const indexed = await commit(base, createIndexOf([index, system]));
    const odd = await commitForeign(indexed, operation("updateConfig", {}), {
      change: (manifest) => {
        manifest.$unknown = [UNKNOWN];
        manifest.config = { kept: "yes" };
        manifest.tableMetadata = { also: "yes" };
        manifest.schemaMetadata = { and: new Uint8Array([0, 255]) };
        manifest.fragments[0]!.$unknown = [UNKNOWN];
        manifest.fragments[0]!.files[0]!.$unknown = [UNKNOWN];
        manifest.fields[0]!.$unknown = [UNKNOWN];
      },
    });
    const done = await commit(odd, await operations[name]!(odd));
    expect(done.version).toBe(4);
    const { manifest } = await openVersion(done);
    expect(manifest.$unknown).toEqual([UNKNOWN]);
    expect(manifest.config).toMatchObject({ kept: "yes" });
    expect(manifest.tableMetadata).toEqual({ also: "yes" });
    expect(manifest.schemaMetadata).toEqual({ and: new Uint8Array([0, 255]) });
    expect(manifest.fields[0]!.$unknown).toEqual([UNKNOWN]);
    const fragment = protoOf(done, 0);
    expect(fragment.$unknown).toEqual([UNKNOWN]);
    expect(fragment.files[0]!.$unknown).toEqual([UNKNOWN]);
    const found = done.indices.map((one) => [one.name, one.$unknown, one.indexDetails?.value]);
    expect(found.slice(0, 2)).toEqual([
      ["a_idx", [UNKNOWN], new Uint8Array([1, 2, 3])],
      ["__lance_frag_reuse", [UNKNOWN], undefined],
    ]);
    if (name !== "createIndex") expect(done.source.indexSection).toEqual(indexed.source.indexSection);
    expect(toBinary(DataFragmentSchema, protoOf(done, 1))).toEqual(toBinary(DataFragmentSchema, protoOf(odd, 1)));
  });
});
