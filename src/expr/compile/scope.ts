import type { RecordBatch } from "apache-arrow";

/** What an expression is evaluated on. */
export interface Scope {
  readonly batch: RecordBatch;
  readonly length: number;
  /** Rows whose value nobody will look at: what cannot be computed there is no error. */
  readonly skipped: Uint32Array | null;
}
