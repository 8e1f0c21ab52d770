import { Float32, makeData, RecordBatch, Struct, Uint64 } from "apache-arrow";
import { LanceError } from "../errors.ts";
import type { Projection, SystemColumn } from "./projection.ts";

/** Values of the columns a query makes; only those the projection names are needed. */
export interface SystemValues {
  readonly rowIds?: BigUint64Array;
  readonly rowAddresses?: BigUint64Array;
  readonly distances?: Float32Array;
}

/**
 * Puts stored columns and the query's own together in the projection's order. No value is copied.
 * @param stored holds the projection's `fields`, in their order; `null` when there are none
 */
export function assembleBatch(
  projection: Projection,
  stored: RecordBatch | null,
  system: SystemValues,
  numRows: number,
): RecordBatch {
  let at = 0;
  const children = projection.output.map((column) =>
    column.kind === "stored" ? stored!.data.children[at++]! : makeSystemData(column.name, system, numRows),
  );
  return new RecordBatch(
    projection.schema,
    makeData({ type: new Struct(projection.schema.fields), length: numRows, nullCount: 0, children }),
  );
}

function makeSystemData(name: SystemColumn, system: SystemValues, length: number) {
  if (name === "_distance") {
    return makeData({ type: new Float32(), length, nullCount: 0, data: checkLength(name, system.distances, length) });
  }
  const ids = name === "_rowid" ? system.rowIds : system.rowAddresses;
  return makeData({ type: new Uint64(), length, nullCount: 0, data: checkLength(name, ids, length) });
}

function checkLength<T extends BigUint64Array | Float32Array>(name: string, values: T | undefined, length: number): T {
  if (values?.length === length) return values;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `column ${name}: expected ${length} values, received ${values?.length ?? "none"}`,
  );
}
