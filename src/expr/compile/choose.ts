import { gatherData } from "../../table/rows/gather-data.ts";
import { createBits, hasBit } from "../bitset.ts";
import type { ValueType } from "../value-type.ts";
import { buildVector } from "./build-vector.ts";
import { createReader } from "./read-value.ts";
import { readNulls } from "./read-vector.ts";
import type { Vector } from "./vector.ts";
import { withNulls } from "./with-nulls.ts";

/** Puts rows of several vectors together: each row from the part that has its bit; NULL where none has. */
export function chooseValues(
  parts: readonly { readonly rows: Uint32Array; readonly vector: Vector }[],
  type: ValueType,
  length: number,
): Vector {
  const opaque = parts.find(({ vector }) => vector.kind === "opaque")?.vector;
  if (opaque?.kind === "opaque") return chooseOpaque(parts, opaque, length);
  const sources = parts.map(({ rows, vector }) => ({ rows, nulls: vector.nulls, read: createReader(vector, type) }));
  return buildVector(type, length, (row) => {
    for (const { rows, nulls, read } of sources) {
      if (hasBit(rows, row)) return nulls !== null && hasBit(nulls, row) ? null : read(row);
    }
    return null;
  });
}

function chooseOpaque(
  parts: readonly { readonly rows: Uint32Array; readonly vector: Vector }[],
  any: Extract<Vector, { kind: "opaque" }>,
  length: number,
): Vector {
  const holders = parts.filter(({ vector }) => vector.kind === "opaque");
  const picks = { rows: new Uint32Array(length), sources: new Uint32Array(length) };
  const missing = createBits(length);
  for (let row = 0; row < length; row++) {
    const source = holders.findIndex(({ rows }) => hasBit(rows, row));
    picks.rows[row] = row;
    if (source >= 0) picks.sources[row] = source;
    else missing[row >>> 5]! |= 1 << (row & 31);
  }
  const sources = holders.map(({ vector }) => (vector.kind === "opaque" ? vector.data : any.data));
  const data = gatherData(sources, picks);
  const nulls = readNulls(data) ?? createBits(length);
  for (let i = 0; i < nulls.length; i++) nulls[i] = nulls[i]! | missing[i]!;
  return { kind: "opaque", length, nulls, data: withNulls(data, nulls) };
}
