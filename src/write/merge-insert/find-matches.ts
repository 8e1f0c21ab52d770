import type { LanceField } from "../../format/schema.ts";
import type { ScannerEnvironment } from "../../query/scanner.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { compilePairCondition, compileTargetCondition } from "./conditions.ts";
import { findCandidates } from "./find-candidates.ts";
import type { HeldSource, SourceRows } from "./held-source.ts";
import { type Matches, matchTarget } from "./match-target.ts";
import type { MergeSpec } from "./merge-spec.ts";
import { SourceIndex } from "./source-index.ts";

/** A source to join with a table, and what for. */
export interface JoinJob {
  readonly spec: MergeSpec;
  readonly source: HeldSource;
  readonly environment: ScannerEnvironment;
  readonly options: { readonly useIndex?: boolean | undefined; readonly signal?: AbortSignal | undefined };
}

/**
 * Joins one version of a table with a source by key: by a scalar index where that is cheap, else by a scan of the key
 * columns.
 * @throws as {@link matchTarget} and the conditions
 */
export async function findMatchedRows(
  snapshot: Snapshot,
  { spec, source, environment, options }: JoinJob,
  plan: {
    readonly keyFields: readonly LanceField[];
    readonly sourceFields: readonly LanceField[];
    readonly rows: SourceRows;
  },
): Promise<Matches> {
  const { keyFields, sourceFields, rows } = plan;
  const { signal } = options;
  const on = keyFields.map((field) => field.name);
  const index = await SourceIndex.build(source, on, createGiveWay(signal));
  const where = spec.matched?.action === "update" ? spec.matched.where : undefined;
  const by = spec.notMatchedBySource;
  const candidates =
    by !== undefined || options.useIndex === false
      ? null
      : await findCandidates(
          snapshot,
          keyFields,
          { index, rows, keyColumn: sourceFields.indexOf(keyFields[0]!) },
          environment,
          signal,
        );
  return matchTarget(
    snapshot,
    index,
    {
      keyFields,
      matched: spec.matched?.action ?? "keep",
      condition:
        where === undefined
          ? null
          : compilePairCondition(where, { source: sourceFields, target: snapshot.schema.fields }, rows),
      unmatched:
        by === undefined
          ? null
          : { condition: by.where === undefined ? null : compileTargetCondition(by.where, snapshot.schema) },
      candidates,
      describeKey: (row) => rows.describe(row, on),
    },
    { numSourceRows: source.numRows, signal },
  );
}
