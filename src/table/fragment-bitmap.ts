import { loadCoreKernels } from "../kernels/core.ts";
import { MAX_U32 } from "./fragment.ts";

/**
 * Fragment ids of an index segment's coverage (a portable Roaring bitmap), ascending.
 *
 * @param options.maxFragmentId highest id the table ever gave out, where it is known: bounds what a forged bitmap takes
 * @throws CORRUPT
 */
export async function decodeFragmentBitmap(
  bitmap: Uint8Array,
  options: { maxFragmentId?: number } = {},
): Promise<Uint32Array> {
  return (await loadCoreKernels()).decodeRoaring(bitmap, (options.maxFragmentId ?? MAX_U32) + 1);
}

/** @param fragmentIds of any order */
export async function encodeFragmentBitmap(fragmentIds: Iterable<number>): Promise<Uint8Array<ArrayBuffer>> {
  const sorted = Uint32Array.from(new Set(fragmentIds)).sort();
  return new Uint8Array((await loadCoreKernels()).encodeRoaring(sorted));
}
