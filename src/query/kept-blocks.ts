import { dropParts, getParts } from "../index/part-budgets.ts";
import type { CachedPart, Parts } from "../index/part-cache.ts";
import type { CoreKernels } from "../kernels/core.ts";
import type { WasmBuffer } from "../kernels/memory.ts";
import type { FileCache } from "../table/file-cache.ts";
import type { RowBlock } from "../table/rows/stream-fixed.ts";

/** Rows of one fragment in WASM memory, as a scan takes them. */
export interface KeptBlock extends CachedPart {
  readonly vectors: WasmBuffer;
  /** Their addresses. */
  readonly rowIds: WasmBuffer;
}

/** What an address costs. */
export const ADDRESS_BYTES = 8;

const scopes = new WeakMap<FileCache, string>();
let numScopes = 0;

/** Of tables that nobody has open any more. */
const closed = new FinalizationRegistry<string>(dropParts);

/**
 * What blocks of a table's columns are kept in, by their keys: part of what this thread keeps of indexes and columns
 * together. Versions of a table share them, as they share its files.
 */
export function getKeptBlocks(files: FileCache, maxBytes: number): Parts {
  let scope = scopes.get(files);
  if (scope === undefined) {
    scope = `column ${numScopes++}/`;
    scopes.set(files, scope);
    closed.register(files, scope);
  }
  return getParts(maxBytes, scope);
}

/** @throws QUOTA_EXCEEDED */
export function createKeptBlock(kernels: CoreKernels, { bytes, fragmentId, firstRow, numRows }: RowBlock): KeptBlock {
  const vectors = kernels.allocate(bytes.byteLength);
  let rowIds: WasmBuffer;
  try {
    rowIds = kernels.allocate(numRows * ADDRESS_BYTES);
  } catch (error) {
    vectors.free();
    throw error;
  }
  vectors.bytes().set(bytes);
  const { buffer, byteOffset } = rowIds.bytes();
  const halves = new Uint32Array(buffer, byteOffset, numRows * 2);
  for (let i = 0; i < numRows; i++) {
    halves[2 * i] = firstRow + i;
    halves[2 * i + 1] = fragmentId;
  }
  const free = () => {
    vectors.free();
    rowIds.free();
  };
  return { vectors, rowIds, byteLength: vectors.byteLength + rowIds.byteLength, free };
}
