import {
  arrangeRabitRows,
  prepareRabitQuery,
  rabitQueryBytes,
  type TopK as WasmTopK,
} from "../../wasm/pkg/core/core.js";
import { LanceError } from "../errors.ts";
import { callKernel, type KernelMemory, type WasmBuffer, withBuffers } from "./memory.ts";
import { checkQuery } from "./metric.ts";
import { getRotationBytes, measureRabitRow, type RabitLayout, type RabitRotation } from "./rabit-layout.ts";
import { type RowScan, runScan } from "./row-scan.ts";

/** Rows that lie in one block of a partition. */
export const RABIT_BLOCK_ROWS = 32;

/**
 * How exactly distances are told. `accurate`: by the formula. `normal`: products with the signs of whole blocks are sums
 * of tables in bytes, with the very errors native's answers have; they are some hundredths of the error of the codes.
 * `fast`: so, and by the signs alone, whatever other bits there are.
 */
export type RabitMode = "accurate" | "normal" | "fast";

/** Each at its number in the module. */
const MODES: readonly RabitMode[] = ["accurate", "normal", "fast"];

/**
 * How the product of a query and a code becomes a distance:
 * product × scale factor × `scaleBy` + `addBy` × (add factor − `addFrom`) + `constant`.
 */
export interface RabitEstimate {
  readonly scaleBy: number;
  readonly addBy: number;
  readonly addFrom: number;
  readonly constant: number;
  /** Times the error factor: how far signs alone may be off. */
  readonly errorBy: number;
}

/** One scan of RaBitQ codes of a partition, in blocks as `arrangeRabitRows` leaves them. */
export interface RabitScan extends RowScan {
  readonly layout: RabitLayout;
  /** Default `normal`. */
  readonly mode?: RabitMode | undefined;
  /** As `prepareRabitQuery` gives it. */
  readonly query: Uint8Array;
  readonly estimate: RabitEstimate;
  /** The whole partition, or a part of it: from the start of a block to the end of one or of the partition. */
  readonly rows: WasmBuffer;
}

/** RaBitQ codes of the core module (Gao and Long 2024). */
export interface RabitKernels {
  /**
   * A query, rotated, with the tables of its scans: 5 KB for 384 dimensions, some 20 µs.
   * @throws DIMENSION_MISMATCH, INVALID_ARGUMENT, QUOTA_EXCEEDED
   */
  prepareRabitQuery(query: Float32Array, rotation: RabitRotation): Uint8Array<ArrayBuffer>;
  /**
   * Rearranges rows of a partition into blocks of {@link RABIT_BLOCK_ROWS}, in place: some 0.15 µs a row.
   * @param range from the start of a block to the end of one, or of the partition
   * @throws INVALID_ARGUMENT when the rows are more than the buffer
   */
  arrangeRabitRows(rows: WasmBuffer, layout: RabitLayout, range: readonly [from: number, to: number]): void;
}

/** Over the memory of the core module. */
export function createRabitKernels(memory: KernelMemory): RabitKernels {
  return {
    prepareRabitQuery(query, rotation) {
      const dimension = query.length;
      checkQuery(query, dimension);
      return withBuffers(memory, ({ allocate, copyIn }) => {
        const [values, turn] = [copyIn(query), copyIn(getRotationBytes(rotation, dimension))];
        const output = allocate(countQueryBytes(dimension));
        const isDense = rotation.kind === "matrix";
        callKernel(() => prepareRabitQuery(isDense, turn.pointer, dimension, values.pointer, output.pointer));
        return output.bytes().slice();
      });
    },
    arrangeRabitRows(rows, layout, [from, to]) {
      const { rowBytes } = measureRabitRow(layout);
      const { dimension, numBits, hasErrors } = layout;
      const isBlock = from % RABIT_BLOCK_ROWS === 0 && from <= to;
      if (!isBlock || rows.byteLength < to * rowBytes) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `rows ${from} to ${to} of ${rowBytes} bytes do not start on a block, or do not fit the buffer`,
          { expected: to * rowBytes, received: rows.byteLength, from },
        );
      }
      const start = rows.pointer + from * rowBytes;
      callKernel(() => arrangeRabitRows(dimension, numBits, hasErrors, start, to - from), { from, to });
    },
  };
}

/** The estimate of the scan that runs. */
const numbersOfScan = new Float32Array(5);

/** By dimension. */
const queryBytes = new Map<number, number>();

function countQueryBytes(dimension: number): number {
  const known = queryBytes.get(dimension) ?? callKernel(() => rabitQueryBytes(dimension), { dimension });
  queryBytes.set(dimension, known);
  return known;
}

/** Checks what is given, copies the query and the mask in, and calls. */
export function scanRabit(memory: KernelMemory, inner: WasmTopK, scan: RabitScan): void {
  const { layout, query, estimate, rows, rowIds, numRows, mode = "normal" } = scan;
  const { dimension, numBits, hasErrors } = layout;
  const code = MODES.indexOf(mode);
  const source = { name: "rows", rows, rowBytes: measureRabitRow(layout).rowBytes };
  const expected = countQueryBytes(dimension);
  if (query.length !== expected) {
    throw new LanceError("DIMENSION_MISMATCH", `a prepared query of ${dimension} dimensions has ${expected} bytes`, {
      expected,
      received: query.length,
    });
  }
  numbersOfScan[0] = estimate.scaleBy;
  numbersOfScan[1] = estimate.addBy;
  numbersOfScan[2] = estimate.addFrom;
  numbersOfScan[3] = estimate.constant;
  numbersOfScan[4] = estimate.errorBy;
  withBuffers(memory, ({ copyIn }) => {
    const prepared = copyIn(query).pointer;
    const numbers = copyIn(numbersOfScan).pointer;
    const [values, ids] = [rows.pointer, rowIds.pointer];
    runScan(memory, scan, source, (tail) =>
      inner.scanRabit(numBits, hasErrors, code, prepared, numbers, values, ids, numRows, dimension, ...tail),
    );
  });
}
