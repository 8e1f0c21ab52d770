import { LanceError } from "../errors.ts";
import { callKernel, type KernelMemory, type WasmBuffer, withBuffers } from "./memory.ts";

/** Rows in WASM memory, and which of them count. */
export interface RowScan {
  /** `numRows` u64. */
  readonly rowIds: WasmBuffer;
  readonly numRows: number;
  /** Bit i, LSB first, set: row i may be returned. Absent: all may. */
  readonly mask?: Uint8Array | undefined;
  /** Least distance that counts. */
  readonly lower?: number | undefined;
  /** Distances from here on do not count. */
  readonly upper?: number | undefined;
}

/** What the calls of all scans end with. */
export type ScanTail = [mask: number, lower: number, upper: number];

/**
 * Checks the rows, copies the mask in, and calls.
 * @throws INVALID_ARGUMENT for buffers too short, or freed; what the kernel throws
 */
export function runScan<T>(
  memory: KernelMemory,
  scan: RowScan,
  source: { readonly name: string; readonly rows: WasmBuffer; readonly rowBytes: number },
  call: (tail: ScanTail) => T,
): T {
  checkLengths(scan, source);
  // Views of freed buffers are refused here, before the module reads them.
  source.rows.bytes();
  scan.rowIds.bytes();
  return withBuffers(memory, ({ copyIn }) => {
    const mask = scan.mask ? copyIn(scan.mask).pointer : 0;
    const { lower = Number.NaN, upper = Number.NaN } = scan;
    return callKernel(() => call([mask, lower, upper]), { numRows: scan.numRows });
  });
}

function checkLengths(scan: RowScan, source: { name: string; rows: WasmBuffer; rowBytes: number }): void {
  const { numRows } = scan;
  if (!Number.isInteger(numRows) || numRows < 0) {
    throw new LanceError("INVALID_ARGUMENT", `numRows must be a whole number from 0; received ${numRows}`, { numRows });
  }
  const needed: readonly (readonly [name: string, have: number, need: number])[] = [
    [source.name, source.rows.byteLength, numRows * source.rowBytes],
    ["rowIds", scan.rowIds.byteLength, numRows * 8],
    ["mask", scan.mask?.byteLength ?? Number.POSITIVE_INFINITY, Math.ceil(numRows / 8)],
  ];
  for (const [name, have, need] of needed) {
    if (have < need) {
      throw new LanceError("INVALID_ARGUMENT", `${name} holds ${have} bytes; ${numRows} rows need ${need}`, {
        name,
        expected: need,
        received: have,
      });
    }
  }
}
