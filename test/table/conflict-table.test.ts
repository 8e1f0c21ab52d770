import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import type { DataFragment } from "../../src/proto/gen/lance/table_pb.ts";
import { type Transaction, TransactionSchema } from "../../src/proto/gen/lance/transaction_pb.ts";
import { judgeConflict } from "../../src/table/commit/conflicts.ts";
import type { Operation, OperationOf, RebasableOperation } from "../../src/table/commit/operation.ts";
import { readCoverage } from "../../src/table/commit/rebase.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, createIndexOf, operation, stageFragment, stageIndex } from "./support.ts";

/** Columns of the table below: what we commit. */
const OURS = [
  "append",
  "delete",
  "update",
  "createIndex",
  "rewrite",
  "overwrite",
  "merge",
  "restore",
  "project",
  "updateConfig",
  "reserveFragments",
] as const;
type OurCase = (typeof OURS)[number];

/**
 * The table of the format page, section 1.4, cell by cell: `-` both hold, `m` deletion vectors are merged, `R` retry,
 * `X` abort. Ours touches fragment 1; theirs touches fragment 1 ("same") or 2 ("other"). Ours keeps nullability and
 * sets a config key theirs does not.
 */
const TABLE: Readonly<Record<string, string>> = {
  // ours:                        A D U I W O M S P C R
  append: "                       - - - - - - R - - - -",
  "delete other": "               - - - - - - R - - - -",
  "delete same": "                - m m - R - R - - - -",
  "delete same, other columns": " - R R - R - R - - - -",
  "delete whole same": "          - R R - R - R - - - -",
  "update other": "               - - - - - - R - - - -",
  "update same": "                - m m - R - R - - - -",
  "update removes same": "        - R R - R - R - - - -",
  "createIndex other name": "     - - - - R - - - - - -",
  "createIndex elsewhere": "      - - - - - - - - - - -",
  "createIndex same name": "      - - - R - - - - - - -",
  "dropIndex same name": "        - - - R - - - - - - -",
  "rewrite other": "              - - - - - - R - - - -",
  "rewrite same": "               - R R R R - R - - - -",
  "rewrite same, old form": "     - R R R R - R - - - -",
  overwrite: "                    X X X X X R X - X - X",
  "merge keeping nullability": "  - R R - R - R - R - -",
  "merge changing nullability": " R R R - R - R - R - -",
  restore: "                      X X X X X - X - X - X",
  "project keeping nullability": "- - - - - - X - R - -",
  "project changing nullability": "R - R - - - X - R - -",
  updateConfig: "                 - - - - - - - - - - -",
  "updateConfig of a field": "    - - - - - - R X - - -",
  "updateConfig of the schema": " - - - - - - R X - - -",
  reserveFragments: "             - - - - - - - - - - -",
  "dataReplacement other": "      - - - - - - R - - - -",
  "dataReplacement same": "       - R R R R - R - - - -",
  updateMemWalState: "            X X - X - X X X X - -",
  clone: "                        - - - - - - - - - - -",
  updateBases: "                  - - - - - - - - - - -",
  dataOverlay: "                  - - R - R - R - - - -",
  unknown: "                      X X X X X X X X X X X",
  "not recorded": "               R R R R R R R R R R R",
};

const CODES = { none: "-", merge: "m", retry: "R", abort: "X" };

useTestRuntime();

const fragment = (id: number, change: Partial<DataFragment> = {}): DataFragment => ({
  ...stageFragment(),
  id: BigInt(id),
  ...change,
});
const base = [1, 2].map((id) => fragment(id));
const readFragments = new Map(base.map((one) => [one.id, one]));
const withDeletions = (one: DataFragment) =>
  ({
    ...one,
    deletionFile: { $typeName: "lance.table.DeletionFile", fileType: 1, readVersion: 1n, id: 5n, numDeletedRows: 1n },
  }) as DataFragment;
const otherColumns = (one: DataFragment) => ({ ...one, files: fragment(Number(one.id)).files });

let ours: Record<OurCase, RebasableOperation>;
let theirs: Record<string, Transaction | undefined>;

beforeAll(async () => {
  const transaction = (operation: MessageInitShape<typeof TransactionSchema>["operation"]) =>
    create(TransactionSchema, operation === undefined ? {} : { operation });
  const [same, other] = base as [DataFragment, DataFragment];
  ours = {
    append: appendOf(stageFragment()),
    delete: { case: "delete", value: deleteOf([withDeletions(same)], []) },
    createIndex: createIndexOf([await stageIndex("a_idx", [1])]),
    update: operation("update", { updatedFragments: [withDeletions(same)], newFragments: [stageFragment()] }),
    rewrite: operation("rewrite", { groups: [{ oldFragments: [same], newFragments: [stageFragment()] }] }),
    overwrite: operation("overwrite", { configUpsertValues: { mine: "1" } }),
    merge: operation("merge", { preservesNullability: true }),
    restore: operation("restore", { version: 1n }),
    project: operation("project", { preservesNullability: true }),
    updateConfig: operation("updateConfig", { configUpdates: { updateEntries: [{ key: "mine", value: "1" }] } }),
    reserveFragments: operation("reserveFragments", { numFragments: 1 }),
  };
  theirs = {
    append: transaction(appendOf(stageFragment())),
    "delete other": transaction({ case: "delete", value: { updatedFragments: [withDeletions(other)] } }),
    "delete same": transaction({ case: "delete", value: { updatedFragments: [withDeletions(same)] } }),
    "delete same, other columns": transaction({
      case: "delete",
      value: { updatedFragments: [withDeletions(otherColumns(same))] },
    }),
    "delete whole same": transaction({ case: "delete", value: { deletedFragmentIds: [1n] } }),
    "update other": transaction({
      case: "update",
      value: { updatedFragments: [withDeletions(other)], newFragments: [fragment(9)] },
    }),
    "update same": transaction({
      case: "update",
      value: { updatedFragments: [withDeletions(same)], newFragments: [fragment(9)] },
    }),
    "update removes same": transaction({ case: "update", value: { removedFragmentIds: [1n] } }),
    "createIndex other name": transaction(createIndexOf([await stageIndex("b_idx", [1])])),
    "createIndex elsewhere": transaction(createIndexOf([await stageIndex("b_idx", [2])])),
    "createIndex same name": transaction(createIndexOf([await stageIndex("a_idx", [2])])),
    "dropIndex same name": transaction(createIndexOf([], [await stageIndex("a_idx", [2])])),
    "rewrite other": transaction({
      case: "rewrite",
      value: { groups: [{ oldFragments: [other], newFragments: [fragment(7)] }] },
    }),
    "rewrite same": transaction({
      case: "rewrite",
      value: { groups: [{ oldFragments: [same], newFragments: [fragment(7)] }] },
    }),
    "rewrite same, old form": transaction({
      case: "rewrite",
      value: { oldFragments: [same], newFragments: [fragment(7)] },
    }),
    overwrite: transaction({ case: "overwrite", value: {} }),
    "merge keeping nullability": transaction({
      case: "merge",
      value: { preservesNullability: true, schema: [0, 1, 2].map((id) => ({ id })) },
    }),
    "merge changing nullability": transaction({ case: "merge", value: {} }),
    restore: transaction({ case: "restore", value: { version: 1n } }),
    "project keeping nullability": transaction({ case: "project", value: { preservesNullability: true } }),
    "project changing nullability": transaction({ case: "project", value: {} }),
    updateConfig: transaction({
      case: "updateConfig",
      value: { configUpdates: { updateEntries: [{ key: "theirs", value: "1" }] } },
    }),
    "updateConfig of a field": transaction({
      case: "updateConfig",
      value: { fieldMetadataUpdates: { 0: { updateEntries: [{ key: "k", value: "v" }] } } },
    }),
    "updateConfig of the schema": transaction({ case: "updateConfig", value: { schemaMetadata: { k: "v" } } }),
    reserveFragments: transaction({ case: "reserveFragments", value: { numFragments: 2 } }),
    "dataReplacement other": transaction({
      case: "dataReplacement",
      value: { replacements: [{ fragmentId: 2n, newFile: { path: "n", fields: [1] } }] },
    }),
    "dataReplacement same": transaction({
      case: "dataReplacement",
      value: { replacements: [{ fragmentId: 1n, newFile: { path: "n", fields: [0] } }] },
    }),
    updateMemWalState: transaction({ case: "updateMemWalState", value: {} }),
    clone: transaction({ case: "clone", value: {} }),
    updateBases: transaction({ case: "updateBases", value: {} }),
    dataOverlay: transaction({ case: "dataOverlay", value: {} }),
    unknown: transaction(undefined),
    "not recorded": undefined,
  };
});

function deleteOf(updatedFragments: DataFragment[], deletedFragmentIds: bigint[]) {
  return {
    $typeName: "lance.table.Transaction.Delete" as const,
    updatedFragments,
    deletedFragmentIds,
    predicate: "",
  };
}

async function judge(mine: RebasableOperation, transaction: Transaction | undefined, defersRemap = false) {
  const side = await readCoverage(mine);
  const other = transaction?.operation.case === "createIndex" ? await readCoverage(transaction.operation) : [];
  const coverage = new Map([...side, ...other]);
  return judgeConflict({ operation: mine, readFragments, coverage, defersRemap }, transaction);
}

const against = async (mine: RebasableOperation, other: Operation) =>
  CODES[(await judge(mine, create(TransactionSchema, { operation: other }))).kind];

describe.each(Object.entries(TABLE))("theirs: %s", (name, row) => {
  test.each(
    row
      .trim()
      .split(" ")
      .map((expected, i): [OurCase, string] => [OURS[i]!, expected]),
  )("ours: %s → %s", async (kind, expected) => {
    const verdict = await judge(ours[kind], theirs[name]);
    expect(CODES[verdict.kind]).toBe(expected);
    if (expected === "R" || expected === "X") expect(verdict.reason).toBeTruthy();
  });
});

test("every operation we commit has a cell in every row", () => {
  expect(Object.keys(ours).sort()).toEqual([...OURS].sort());
  for (const row of Object.values(TABLE)) expect(row.trim().split(" ")).toHaveLength(OURS.length);
});

describe("footnotes", () => {
  test("1: values and a schema that may forbid nulls conflict in either order", async () => {
    const merge = operation("merge", {});
    const project = operation("project", {});
    for (const values of [ours.append, ours.update]) {
      expect(await against(project, values)).toBe("R");
      expect(await against(values, project)).toBe("R");
      expect(await against(values, merge)).toBe("R");
    }
    const cast = operation("merge", { preservesNullability: true, schema: [{ id: 0 }, { id: 2 }] });
    // Field 1 is another one now: what an append brings for it would be read as null.
    expect(await against(ours.append, cast)).toBe("R");
    expect(await against(project, ours.delete)).toBe("-");
    expect(await against(project, ours.rewrite)).toBe("-");
  });

  test("2: columns of ours written anew hold rows deleted meanwhile, so they are not merged", async () => {
    const [same] = base as [DataFragment];
    const columns = operation("update", { updatedFragments: [otherColumns(same)], fieldsModified: [1], updateMode: 1 });
    expect(await against(columns, ours.delete)).toBe("R");
    expect(await against(columns, ours.update)).toBe("R");
    expect(await against(ours.delete, columns)).toBe("R");
    // Theirs deleted nothing and left the columns alone.
    expect(await against(columns, operation("update", { updatedFragments: [same] }))).toBe("R");
  });

  test("3: keys that both inserted", async () => {
    const inserting = (fieldIds: number[], keyHashes: bigint[]) =>
      operation("update", { insertedRows: { fieldIds, data: { case: "exact", value: { keyHashes } } } });
    const mine = inserting([0], [1n, 2n]);
    expect(await against(mine, inserting([0], [3n]))).toBe("-");
    expect(await against(mine, inserting([0], [2n, 3n]))).toBe("R");
    expect(await against(mine, inserting([1], [3n]))).toBe("R");
    const bloom = operation("update", { insertedRows: { fieldIds: [0], data: { case: "bloom", value: {} } } });
    expect(await against(mine, bloom)).toBe("R");
    expect(await against(mine, operation("update", {}))).toBe("R");
    expect(await against(operation("update", {}), mine)).toBe("-");
    expect(await against(mine, ours.append)).toBe("R");
  });

  test("4: a field we write anew was dropped", async () => {
    const update = operation("update", { fieldsModified: [1] });
    const project = (...ids: number[]) =>
      operation("project", { schema: ids.map((id) => ({ id })), preservesNullability: true });
    expect(await against(update, project(0, 1))).toBe("-");
    expect(await against(update, project(0))).toBe("R");
  });

  test("6: a write-ahead log and a merge of columns", async () => {
    const log = createIndexOf([await stageIndex("__lance_mem_wal", [])]);
    expect(await against(log, ours.merge)).toBe("R");
    expect(await against(ours.merge, log)).toBe("R");
  });

  test("7: config keys; schema and field metadata", async () => {
    const set = (key: string) => operation("updateConfig", { configUpdates: { updateEntries: [{ key, value: "2" }] } });
    const remove = (key: string) => operation("updateConfig", { configUpdates: { updateEntries: [{ key }] } });
    const old = operation("updateConfig", { upsertValues: { mine: "3" }, deleteKeys: ["gone"] });
    expect(await against(ours.updateConfig, set("mine"))).toBe("X");
    expect(await against(ours.updateConfig, remove("mine"))).toBe("X");
    expect(await against(remove("mine"), ours.updateConfig)).toBe("X");
    expect(await against(ours.updateConfig, old)).toBe("X");
    expect(await against(remove("gone"), old)).toBe("-");
    expect(await against(set("gone"), old)).toBe("X");
    expect(await against(ours.overwrite, set("mine"))).toBe("X");
    expect(await against(ours.overwrite, ours.overwrite)).toBe("X");
    expect(await against(ours.updateConfig, ours.overwrite)).toBe("X");
    const entries = (key: string) => ({ updateEntries: [{ key, value: "v" }] });
    const ofSchema = operation("updateConfig", { schemaMetadataUpdates: entries("k") });
    const ofField = (id: number) => operation("updateConfig", { fieldMetadataUpdates: { [id]: entries("k") } });
    const ofTable = (key: string, replace = false) =>
      operation("updateConfig", { tableMetadataUpdates: { ...entries(key), replace } });
    expect(await against(ofSchema, operation("overwrite", {}))).toBe("X");
    expect(await against(ofField(0), operation("overwrite", {}))).toBe("X");
    expect(await against(ofSchema, ofSchema)).toBe("X");
    expect(await against(ofField(0), ofField(0))).toBe("X");
    expect(await against(ofField(0), ofField(1))).toBe("-");
    expect(await against(ofTable("a"), ofTable("a"))).toBe("X");
    expect(await against(ofTable("a"), ofTable("b"))).toBe("-");
    expect(await against(ofTable("a"), ofTable("b", true))).toBe("X");
  });

  test("8: schema and field metadata against a merge and a restore", async () => {
    const ofSchema = operation("updateConfig", { schemaMetadataUpdates: { replace: true } });
    expect(await against(ofSchema, ours.merge)).toBe("R");
    expect(await against(ours.merge, ofSchema)).toBe("R");
    expect(await against(ofSchema, ours.restore)).toBe("X");
    expect(await against(ours.restore, ofSchema)).toBe("X");
    expect(await against(operation("updateConfig", { schemaMetadataUpdates: {} }), ours.merge)).toBe("-");
  });
});

describe("rewrites and the indexes made meanwhile", () => {
  const made = async (name: string, fragmentIds: number[]) =>
    create(TransactionSchema, { operation: createIndexOf([await stageIndex(name, fragmentIds)]) });

  test("one that leaves indexes alone stands beside those that cover all of a group, or none", async () => {
    const both = operation("rewrite", { groups: [{ oldFragments: base, newFragments: [stageFragment()] }] });
    expect((await judge(both, await made("b_idx", [1, 2]), true)).kind).toBe("none");
    expect((await judge(both, await made("b_idx", [3]), true)).kind).toBe("none");
    expect((await judge(both, await made("b_idx", [1]), true)).kind).toBe("retry");
    expect((await judge(both, await made("b_idx", [1, 2]), false)).kind).toBe("retry");
  });

  test("with stable row ids only an index known to hold addresses stands beside one that leaves indexes alone", async () => {
    const fragments = base.map((one) => ({ ...one, inlineRowIds: new Uint8Array(1) }));
    const both = operation("rewrite", { groups: [{ oldFragments: fragments, newFragments: [stageFragment()] }] });
    const transaction = await made("b_idx", [1, 2]);
    const created = transaction.operation as OperationOf<"createIndex">;
    const judged = async (rule?: () => boolean) =>
      judgeConflict(
        {
          operation: both,
          readFragments: new Map(fragments.map((one) => [one.id, one])),
          coverage: await readCoverage(created),
          defersRemap: true,
          holdsRowAddresses: rule,
        },
        transaction,
      ).kind;
    expect(await judged(() => true)).toBe("none");
    expect(await judged(() => false)).toBe("retry");
    expect(await judged()).toBe("retry");
  });

  test("the fragment reuse index alone does no harm; together with others nobody knows", async () => {
    const alone = createIndexOf([await stageIndex("__lance_frag_reuse", [])]);
    expect(await against(ours.rewrite, alone)).toBe("-");
    const more = createIndexOf([await stageIndex("__lance_frag_reuse", []), await stageIndex("b_idx", [2])]);
    expect(await against(ours.rewrite, more)).toBe("X");
  });

  test("an index that does not say what it covers conflicts", async () => {
    const index = await stageIndex("b_idx", [2]);
    index.fragmentBitmap = new Uint8Array(0);
    expect(await against(ours.rewrite, createIndexOf([index]))).toBe("R");
  });
});

test("every operation of the format stands in the table", () => {
  const cases = new Set(Object.values(theirs).map((transaction) => transaction?.operation.case));
  const known = TransactionSchema.oneofs
    .find((oneof) => oneof.name === "operation")!
    .fields.map((field) => field.localName);
  expect([...cases].filter((name) => name !== undefined).sort()).toEqual([...known].sort());
});

describe("deletes of whole fragments", () => {
  const judgeWhole = async (value: ReturnType<typeof deleteOf>, other: string) =>
    (await judge({ case: "delete", value }, theirs[other])).kind;

  test("conflict with rows deleted from the same fragment, and with its removal", async () => {
    expect(await judgeWhole(deleteOf([], [1n]), "delete same")).toBe("retry");
    expect(await judgeWhole(deleteOf([], [1n]), "delete whole same")).toBe("retry");
    expect(await judgeWhole(deleteOf([], [1n]), "delete other")).toBe("none");
    expect(await judgeWhole(deleteOf([], [1n]), "rewrite same")).toBe("retry");
  });
});

describe("index names", () => {
  const judgeNames = async (mine: RebasableOperation, other: RebasableOperation) =>
    (await judge(mine, create(TransactionSchema, { operation: other }))).kind;

  test("two drops of one index are compatible", async () => {
    const index = await stageIndex("a_idx", [1]);
    expect(await judgeNames(createIndexOf([], [index]), createIndexOf([], [index]))).toBe("none");
  });

  test("a drop and a replacement of the same segment are not", async () => {
    const [old, fresh] = [await stageIndex("a_idx", [1]), await stageIndex("a_idx", [1])];
    expect(await judgeNames(createIndexOf([fresh], [old]), createIndexOf([], [old]))).toBe("retry");
    expect(await judgeNames(createIndexOf([], [old]), createIndexOf([fresh], [old]))).toBe("retry");
  });

  test("a drop and a segment added meanwhile are not", async () => {
    const [old, added] = [await stageIndex("a_idx", [1]), await stageIndex("a_idx", [2])];
    expect(await judgeNames(createIndexOf([], [old]), createIndexOf([added]))).toBe("retry");
  });

  test("an index that does not say what it covers cannot stand beside a rewrite", async () => {
    const index = await stageIndex("a_idx", [2]);
    index.fragmentBitmap = new Uint8Array(0);
    const verdict = await judge(createIndexOf([index]), theirs["rewrite same"]);
    expect(verdict.kind).toBe("retry");
  });
});
