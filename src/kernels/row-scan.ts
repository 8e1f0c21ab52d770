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
  const { numRows, mask, rowIds, lower = Number.NaN, upper = Number.NaN } = scan;
  if (!Number.isInteger(numRows) || numRows < 0) {
    throw new LanceError("INVALID_ARGUMENT", `numRows must be a whole number from 0; received ${numRows}`, { numRows });
  }
  checkLength(source.name, source.rows, { numRows, needed: numRows * source.rowBytes });
  checkLength("rowIds", rowIds, { numRows, needed: numRows * 8 });
  const run = (pointer: number) => callKernel(() => call([pointer, lower, upper]), { numRows });
  if (mask === undefined) return run(0);
  checkLength("mask", mask, { numRows, needed: Math.ceil(numRows / 8) });
  return withBuffers(memory, ({ copyIn }) => run(copyIn(mask).pointer));
}

function checkLength(
  name: string,
  { byteLength }: { readonly byteLength: number },
  { numRows, needed }: { readonly numRows: number; readonly needed: number },
): void {
  if (byteLength >= needed) return;
  throw new LanceError("INVALID_ARGUMENT", `${name} holds ${byteLength} bytes; ${numRows} rows need ${needed}`, {
    name,
    expected: needed,
    received: byteLength,
  });
}
