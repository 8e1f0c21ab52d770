import type { Snapshot } from "../snapshot.ts";

/** No row's id or address. */
export const NO_ROW = 0xffff_ffff_ffff_ffffn;

/** A row's address: fragment id in the high 32 bits, physical offset in the low ones. */
export function toRowAddress(fragmentId: number, offset: number): bigint {
  return (BigInt(fragmentId) << 32n) | BigInt(offset);
}

/** Halves of addresses or ids, without a BigInt each: `halves[2i]` is the low one, `halves[2i + 1]` the high one. */
export function halvesOf(ids: BigUint64Array): Uint32Array {
  return new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
}

/** Addresses of some offsets of one fragment, in their order. */
export function addressesOf(fragmentId: number, offsets: Uint32Array): BigUint64Array<ArrayBuffer> {
  const addresses = new BigUint64Array(offsets.length);
  const halves = halvesOf(addresses);
  for (let i = 0; i < offsets.length; i++) {
    halves[2 * i] = offsets[i]!;
    halves[2 * i + 1] = fragmentId;
  }
  return addresses;
}

/** Fragment id → physical rows: the domain of row sets over addresses. */
export function addressDomain(snapshot: Snapshot, fragmentIds?: Iterable<number>): Map<number, number> {
  const wanted = fragmentIds === undefined ? undefined : new Set(fragmentIds);
  const domain = new Map<number, number>();
  for (const fragment of snapshot.fragments) {
    if (wanted === undefined || wanted.has(fragment.id)) domain.set(fragment.id, fragment.physicalRows);
  }
  return domain;
}
