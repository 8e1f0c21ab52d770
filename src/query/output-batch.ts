import { type Data, Field, Float32, Int32, makeData, RecordBatch, Schema, Struct, Uint64 } from "apache-arrow";
import { LanceError } from "../errors.ts";
import type { OutputColumn, Projection } from "./projection.ts";
import type { SystemColumn, SystemValues } from "./system-columns.ts";

/**
 * Puts stored columns and the query's own together in the projection's order, and computes expressions. No stored value
 * is copied.
 * @param stored holds the projection's `fields`, in their order; `null` when there are none
 * @param options.deleted bit i set, LSB first: row i is deleted, and has no `_rowid`
 */
export function assembleBatch(
  projection: Projection,
  stored: RecordBatch | null,
  system: SystemValues,
  numRows: number,
  options: { readonly deleted?: Uint8Array | null } = {},
): RecordBatch {
  const made = new Map<SystemColumn, Data>();
  for (const name of projection.system) {
    const deleted = name === "_rowid" ? (options.deleted ?? null) : null;
    made.set(name, makeSystemData(name, system, { length: numRows, deleted }));
  }
  const input = projection.output.some((column) => column.kind === "computed")
    ? joinSystemColumns(stored, made, numRows)
    : null;
  const children = projection.output.map((column) => pickColumn(column, { projection, stored, made, input }));
  return new RecordBatch(
    projection.schema,
    makeData({ type: new Struct(projection.schema.fields), length: numRows, nullCount: 0, children }),
  );
}

/** A batch that has the query's own columns beside the stored ones: what expressions are evaluated on. */
export function joinSystemColumns(
  stored: RecordBatch | null,
  system: ReadonlyMap<SystemColumn, Data>,
  numRows: number,
): RecordBatch {
  if (stored !== null && system.size === 0) return stored;
  const fields = [
    ...(stored?.schema.fields ?? []),
    ...[...system].map(([name, { type }]) => new Field(name, type, true)),
  ];
  const children = [...(stored?.data.children ?? []), ...system.values()];
  return new RecordBatch(
    new Schema(fields),
    makeData({ type: new Struct(fields), length: numRows, nullCount: 0, children }),
  );
}

/** Values of a system column as Arrow data. @throws INVALID_ARGUMENT when there are not as many as rows */
export function makeSystemData(
  name: SystemColumn,
  system: SystemValues,
  { length, deleted }: { readonly length: number; readonly deleted: Uint8Array | null },
): Data {
  const data = system[name];
  if (data?.length !== length) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `column ${name}: expected ${length} values, received ${data?.length ?? "none"}`,
    );
  }
  if (data instanceof Int32Array) return makeData({ type: new Int32(), length, nullCount: 0, data });
  if (data instanceof Float32Array) return makeData({ type: new Float32(), length, nullCount: 0, data });
  if (deleted === null) return makeData({ type: new Uint64(), length, nullCount: 0, data });
  const nullBitmap = deleted.map((byte) => ~byte);
  return makeData({ type: new Uint64(), length, nullCount: countSet(deleted, length), nullBitmap, data });
}

function pickColumn(
  column: OutputColumn,
  {
    projection,
    stored,
    made,
    input,
  }: {
    readonly projection: Projection;
    readonly stored: RecordBatch | null;
    readonly made: ReadonlyMap<SystemColumn, Data>;
    readonly input: RecordBatch | null;
  },
): Data {
  if (column.kind === "computed") return column.value.evaluate(input!);
  if (column.kind === "system") return made.get(column.column)!;
  return stored!.data.children[projection.fields.findIndex((field) => field.name === column.column)]!;
}

function countSet(bits: Uint8Array, length: number): number {
  let count = 0;
  for (let i = 0; i < length; i++) if (bits[i >>> 3]! & (1 << (i & 7))) count++;
  return count;
}
