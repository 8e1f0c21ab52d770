import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import type { DataFragment } from "../../src/proto/gen/lance/table_pb.ts";
import { type Transaction, TransactionSchema } from "../../src/proto/gen/lance/transaction_pb.ts";
import { judgeConflict } from "../../src/table/conflicts.ts";
import type { RebasableOperation } from "../../src/table/operation.ts";
import { readCoverage } from "../../src/table/rebase.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, createIndexOf, stageFragment, stageIndex } from "./support.ts";

/**
 * The table of the format page, section 1.4, cell by cell: `-` both hold, `m` deletion vectors are merged, `R` retry,
 * `X` abort. Ours touches fragment 1; theirs touches fragment 1 ("same") or 2 ("other").
 */
const TABLE: Readonly<Record<string, Readonly<Record<"append" | "delete" | "createIndex", string>>>> = {
  append: { append: "-", delete: "-", createIndex: "-" },
  "delete other": { append: "-", delete: "-", createIndex: "-" },
  "delete same": { append: "-", delete: "m", createIndex: "-" },
  "delete same, other columns": { append: "-", delete: "R", createIndex: "-" },
  "delete whole same": { append: "-", delete: "R", createIndex: "-" },
  "update other": { append: "-", delete: "-", createIndex: "-" },
  "update same": { append: "-", delete: "m", createIndex: "-" },
  "update removes same": { append: "-", delete: "R", createIndex: "-" },
  "createIndex other name": { append: "-", delete: "-", createIndex: "-" },
  "createIndex same name": { append: "-", delete: "-", createIndex: "R" },
  "dropIndex same name": { append: "-", delete: "-", createIndex: "R" },
  "rewrite other": { append: "-", delete: "-", createIndex: "-" },
  "rewrite same": { append: "-", delete: "R", createIndex: "R" },
  "rewrite same, old form": { append: "-", delete: "R", createIndex: "R" },
  overwrite: { append: "X", delete: "X", createIndex: "X" },
  "merge keeping nullability": { append: "-", delete: "R", createIndex: "-" },
  "merge changing nullability": { append: "R", delete: "R", createIndex: "-" },
  restore: { append: "X", delete: "X", createIndex: "X" },
  "project keeping nullability": { append: "-", delete: "-", createIndex: "-" },
  "project changing nullability": { append: "R", delete: "-", createIndex: "-" },
  updateConfig: { append: "-", delete: "-", createIndex: "-" },
  reserveFragments: { append: "-", delete: "-", createIndex: "-" },
  "dataReplacement other": { append: "-", delete: "-", createIndex: "-" },
  "dataReplacement same": { append: "-", delete: "R", createIndex: "R" },
  updateMemWalState: { append: "X", delete: "X", createIndex: "X" },
  clone: { append: "-", delete: "-", createIndex: "-" },
  updateBases: { append: "-", delete: "-", createIndex: "-" },
  dataOverlay: { append: "-", delete: "-", createIndex: "-" },
  unknown: { append: "X", delete: "X", createIndex: "X" },
  "not recorded": { append: "R", delete: "R", createIndex: "R" },
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

let ours: Record<"append" | "delete" | "createIndex", RebasableOperation>;
let theirs: Record<string, Transaction | undefined>;

beforeAll(async () => {
  const transaction = (operation: MessageInitShape<typeof TransactionSchema>["operation"]) =>
    create(TransactionSchema, operation === undefined ? {} : { operation });
  const [same, other] = base as [DataFragment, DataFragment];
  ours = {
    append: appendOf(stageFragment()),
    delete: { case: "delete", value: deleteOf([withDeletions(same)], []) },
    createIndex: createIndexOf([await stageIndex("a_idx", [1])]),
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
    "merge keeping nullability": transaction({ case: "merge", value: { preservesNullability: true } }),
    "merge changing nullability": transaction({ case: "merge", value: {} }),
    restore: transaction({ case: "restore", value: { version: 1n } }),
    "project keeping nullability": transaction({ case: "project", value: { preservesNullability: true } }),
    "project changing nullability": transaction({ case: "project", value: {} }),
    updateConfig: transaction({ case: "updateConfig", value: {} }),
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

describe.each(Object.entries(TABLE))("theirs: %s", (name, row) => {
  test.each(Object.entries(row))("ours: %s → %s", async (kind, expected) => {
    const operation = ours[kind as keyof typeof ours];
    const verdict = judgeConflict({ operation, readFragments, coverage: await readCoverage(operation) }, theirs[name]);
    expect(CODES[verdict.kind]).toBe(expected);
    if (expected === "R" || expected === "X") expect(verdict.reason).toBeTruthy();
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
  const judge = (value: ReturnType<typeof deleteOf>, other: string) =>
    judgeConflict({ operation: { case: "delete", value }, readFragments, coverage: new Map() }, theirs[other]).kind;

  test("conflict with rows deleted from the same fragment, and with its removal", () => {
    expect(judge(deleteOf([], [1n]), "delete same")).toBe("retry");
    expect(judge(deleteOf([], [1n]), "delete whole same")).toBe("retry");
    expect(judge(deleteOf([], [1n]), "delete other")).toBe("none");
    expect(judge(deleteOf([], [1n]), "rewrite same")).toBe("retry");
  });
});

describe("index names", () => {
  const judge = async (mine: RebasableOperation, other: RebasableOperation) =>
    judgeConflict(
      { operation: mine, readFragments, coverage: await readCoverage(mine) },
      create(TransactionSchema, { operation: other }),
    ).kind;

  test("two drops of one index are compatible", async () => {
    const index = await stageIndex("a_idx", [1]);
    expect(await judge(createIndexOf([], [index]), createIndexOf([], [index]))).toBe("none");
  });

  test("a drop and a replacement of the same segment are not", async () => {
    const [old, fresh] = [await stageIndex("a_idx", [1]), await stageIndex("a_idx", [1])];
    expect(await judge(createIndexOf([fresh], [old]), createIndexOf([], [old]))).toBe("retry");
    expect(await judge(createIndexOf([], [old]), createIndexOf([fresh], [old]))).toBe("retry");
  });

  test("a drop and a segment added meanwhile are not", async () => {
    const [old, added] = [await stageIndex("a_idx", [1]), await stageIndex("a_idx", [2])];
    expect(await judge(createIndexOf([], [old]), createIndexOf([added]))).toBe("retry");
  });

  test("an index that does not say what it covers cannot stand beside a rewrite", async () => {
    const index = await stageIndex("a_idx", [2]);
    index.fragmentBitmap = new Uint8Array(0);
    const operation = createIndexOf([index]);
    const verdict = judgeConflict(
      { operation, readFragments, coverage: await readCoverage(operation) },
      theirs["rewrite same"],
    );
    expect(verdict.kind).toBe("retry");
  });
});
