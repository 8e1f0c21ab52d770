import { checkOptionNames } from "../query/check-options.ts";
import type { TabularData } from "../write/input/input.ts";
import type { MergeInsertOptions, MergeInsertResult } from "../write/merge-insert/merge-insert.ts";
import type { MergeSpec } from "../write/merge-insert/merge-spec.ts";

/** Runs a merge on the table its builder was made for. */
export type RunMerge = (
  spec: MergeSpec,
  data: TabularData,
  options: MergeInsertOptions | undefined,
) => Promise<MergeInsertResult>;

const ARM_KEYS = new Set(["where"]);

/**
 * A merge of new rows into a table by key, told arm by arm. What no arm names stays as it is.
 * @example
 * await dataset.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows);
 */
export class MergeInsertBuilder {
  readonly #run: RunMerge;
  readonly #spec: MergeSpec;

  constructor(run: RunMerge, spec: MergeSpec) {
    this.#run = run;
    this.#spec = spec;
  }

  /**
   * Rows whose key the source has take the source's values; columns the source lacks stay.
   * @param options.where an SQL condition over `source.column` and `target.column`: `source.version > target.version`
   */
  whenMatchedUpdateAll(options: { readonly where?: string | undefined } = {}): MergeInsertBuilder {
    checkOptionNames(options, ARM_KEYS, "whenMatchedUpdateAll");
    return this.#with({ matched: { action: "update", where: options.where } });
  }

  /** Rows whose key the source has are deleted. */
  whenMatchedDelete(): MergeInsertBuilder {
    return this.#with({ matched: { action: "delete" } });
  }

  /** A row whose key the source has is an error, and nothing is written. */
  whenMatchedFail(): MergeInsertBuilder {
    return this.#with({ matched: { action: "fail" } });
  }

  /** Rows of the source whose key the table lacks are inserted. */
  whenNotMatchedInsertAll(): MergeInsertBuilder {
    return this.#with({ notMatched: "insert" });
  }

  /**
   * Rows whose key the source lacks are deleted. Reads the key of every row.
   * @param options.where an SQL predicate over the table's columns; all where it is left out
   */
  whenNotMatchedBySourceDelete(options: { readonly where?: string | undefined } = {}): MergeInsertBuilder {
    checkOptionNames(options, ARM_KEYS, "whenNotMatchedBySourceDelete");
    return this.#with({ notMatchedBySource: { action: "delete", where: options.where } });
  }

  /**
   * Merges. The source is held in memory; the table's key columns stream by.
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, DIMENSION_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO,
   * ABORTED; the table is then as it was
   */
  execute(data: TabularData, options?: MergeInsertOptions): Promise<MergeInsertResult> {
    return this.#run(this.#spec, data, options);
  }

  #with(arm: Partial<MergeSpec>): MergeInsertBuilder {
    return new MergeInsertBuilder(this.#run, { ...this.#spec, ...arm });
  }
}
