import type { Data, RecordBatch } from "apache-arrow";
import { type BoundExpression, pathsOf } from "../expr/bound.ts";
import type { LanceField, LanceSchema } from "../format/schema.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { joinSystemColumns, makeSystemData } from "./output-batch.ts";
import { pruneFields } from "./prune-fields.ts";
import { isSystemColumn, readSystemColumns, type SystemColumn } from "./system-columns.ts";

/** What expressions need to be evaluated. */
export interface InputColumns {
  /** Stored fields, structs with the fields named alone. */
  readonly fields: readonly LanceField[];
  readonly system: readonly SystemColumn[];
}

/** The columns some bound expressions read. */
export function listInputColumns(schema: LanceSchema, expressions: readonly BoundExpression[]): InputColumns {
  const paths = expressions.flatMap(pathsOf);
  const system = new Set<SystemColumn>();
  for (const [name] of paths) if (isSystemColumn(schema, name!)) system.add(name);
  return { fields: pruneFields(schema, paths), system: [...system] };
}

/** A batch of stored columns with the system columns expressions name beside them. */
export async function completeInput(
  snapshot: Snapshot,
  stored: RecordBatch | null,
  addresses: BigUint64Array,
  options: {
    readonly system: readonly SystemColumn[];
    /** Bit i set, LSB first: row i is deleted, and has no `_rowid`. */
    readonly deleted?: Uint8Array | null;
    readonly signal: AbortSignal | undefined;
  },
): Promise<RecordBatch> {
  const values = await readSystemColumns(snapshot, addresses, options.system, options.signal);
  const length = addresses.length;
  const made = new Map<SystemColumn, Data>();
  for (const name of options.system) {
    const deleted = name === "_rowid" ? (options.deleted ?? null) : null;
    made.set(name, makeSystemData(name, values, { length, deleted }));
  }
  return joinSystemColumns(stored, made, length);
}
