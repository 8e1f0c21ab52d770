import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { selectRows } from "../../query/select-rows.ts";
import { readLiveRows } from "../../table/deletions/deletions.ts";
import type { Fragment } from "../../table/fragment.ts";
import type { RowSet } from "../../table/row-set.ts";
import { scanFragment } from "../../table/rows/scan-fragment.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import type { compileTargetCondition, PairCondition } from "./conditions.ts";
import { createKeyReader } from "./key-reader.ts";
import type { SourceIndex } from "./source-index.ts";

/** What becomes of matched rows, and of rows of the table without a match. */
export interface MatchRules {
  /** The table's key fields, in the order of the key. */
  readonly keyFields: readonly LanceField[];
  readonly matched: "keep" | "update" | "delete" | "fail";
  /** With `update`: pairs that pass. */
  readonly condition: PairCondition | null;
  /** `null`: rows without a match stay. */
  readonly unmatched: { readonly condition: ReturnType<typeof compileTargetCondition> | null } | null;
  /** Candidates by an index; `null` = all live rows. */
  readonly candidates: ReadonlyMap<number, Uint32Array> | null;
  /** A source row's key, for messages. */
  describeKey(sourceRow: number): string;
}

/** Rows of one fragment and the source row each is matched with, ascending by offset. */
export interface MatchedRows {
  readonly offsets: Uint32Array;
  readonly sourceRows: Uint32Array;
}

/** The outcome of the join. Eight bytes a matched row, one bit a row of the source. */
export interface Matches {
  /** Pairs to update or delete, by fragment. */
  readonly pairs: ReadonlyMap<number, MatchedRows>;
  /** Rows to delete because the source lacks them, by fragment. */
  readonly unmatched: ReadonlyMap<number, Uint32Array>;
  /** Whether some row of the table has the key of a source row. */
  isMatched(sourceRow: number): boolean;
}

const KEY_BATCH_ROWS = 16_384;

/**
 * Joins the table with a source, streaming the table's key columns and those the conditions read, one fragment after
 * another.
 *
 * @throws INVALID_ARGUMENT naming the key: a match where none may be, or two source rows for one row of the table
 */
export async function matchTarget(
  snapshot: Snapshot,
  index: SourceIndex,
  rules: MatchRules,
  options: { readonly numSourceRows: number; readonly signal: AbortSignal | undefined },
): Promise<Matches> {
  const pairs = new Map<number, MatchedRows>();
  const unmatched = new Map<number, Uint32Array>();
  const seen = new Uint8Array((options.numSourceRows + 7) >> 3);
  for (const fragment of snapshot.fragments) {
    const found = await matchFragment(snapshot, fragment, index, { rules, seen, signal: options.signal });
    if (found.offsets.length > 0) {
      pairs.set(fragment.id, {
        offsets: Uint32Array.from(found.offsets),
        sourceRows: Uint32Array.from(found.sourceRows),
      });
    }
    if (found.unmatched.length > 0) unmatched.set(fragment.id, Uint32Array.from(found.unmatched));
  }
  return { pairs, unmatched, isMatched: (row) => ((seen[row >> 3]! >> (row & 7)) & 1) === 1 };
}

async function matchFragment(
  snapshot: Snapshot,
  fragment: Fragment,
  index: SourceIndex,
  context: { readonly rules: MatchRules; readonly seen: Uint8Array; readonly signal: AbortSignal | undefined },
): Promise<{ offsets: number[]; sourceRows: number[]; unmatched: number[] }> {
  const { rules, seen, signal } = context;
  const found = { offsets: [] as number[], sourceRows: [] as number[], unmatched: [] as number[] };
  const selection = rules.candidates
    ? ({ kind: "indices", indices: rules.candidates.get(fragment.id) ?? new Uint32Array(0) } as const)
    : selectRows(fragment, await readLive(snapshot, fragment, signal));
  if (selection.kind === "indices" && selection.indices.length === 0) return found;
  const fields = listFields(rules);
  const options = { batchRows: KEY_BATCH_ROWS, borrow: true, signal };
  let start = 0;
  for await (const batch of scanFragment(snapshot, fragment, fields, selection, options)) {
    const columns = batch.data.children;
    const keyOf = createKeyReader(rules.keyFields.map((field) => columns[fields.indexOf(field)]!));
    const offsetOf = (row: number) => (selection.kind === "indices" ? selection.indices[start + row]! : start + row);
    const targetRows: number[] = [];
    const sourceRows: number[] = [];
    const lonely = rules.unmatched === null ? null : new Uint8Array(batch.numRows);
    for (let row = 0; row < batch.numRows; row++) {
      let match = index.find(keyOf(row));
      if (match < 0 && lonely !== null) lonely[row] = 1;
      for (; match >= 0; match = index.after(match)) {
        if (rules.matched === "fail") throw foundMatch(rules.describeKey(match));
        seen[match >> 3]! |= 1 << (match & 7);
        if (rules.matched === "keep") continue;
        targetRows.push(row);
        sourceRows.push(match);
      }
    }
    const kept =
      rules.condition === null || targetRows.length === 0
        ? null
        : rules.condition.select(batch, Uint32Array.from(targetRows), Uint32Array.from(sourceRows));
    let last = -1;
    for (let i = 0; i < (kept ?? targetRows).length; i++) {
      const at = kept === null ? i : kept[i]!;
      const row = targetRows[at]!;
      if (row === last) throw ambiguous(rules.describeKey(sourceRows[at]!));
      last = row;
      found.offsets.push(offsetOf(row));
      found.sourceRows.push(sourceRows[at]!);
    }
    if (lonely !== null) {
      const passing = rules.unmatched!.condition?.select(batch);
      const count = passing === undefined ? batch.numRows : passing.length;
      for (let i = 0; i < count; i++) {
        const row = passing === undefined ? i : passing[i]!;
        if (lonely[row] === 1) found.unmatched.push(offsetOf(row));
      }
    }
    start += batch.numRows;
  }
  return found;
}

/** Key columns and those the conditions read, each once. */
function listFields(rules: MatchRules): LanceField[] {
  return [
    ...new Set([
      ...rules.keyFields,
      ...(rules.condition?.targetFields ?? []),
      ...(rules.unmatched?.condition?.targetFields ?? []),
    ]),
  ];
}

async function readLive(
  snapshot: Snapshot,
  fragment: Fragment,
  signal: AbortSignal | undefined,
): Promise<RowSet | null> {
  if (fragment.numDeletedRows === 0) return null;
  return readLiveRows(snapshot, { fragmentIds: [fragment.id], signal });
}

function foundMatch(key: string): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `mergeInsert: the table has a row with ${key}, and whenMatchedFail() forbids it; nothing was written`,
    { key },
  );
}

function ambiguous(key: string): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `mergeInsert: several rows of the source match one row of the table (${key}); expected at most one. Leave one of each in the source`,
    { key },
  );
}
