/** Copies `count` bits, LSB-first; bits of `target` after the run within its last byte become 0. */
export function copyBits(target: Uint8Array, targetBit: number, source: Uint8Array, sourceBit: number, count: number) {
  let done = 0;
  while (done < count && ((targetBit + done) & 7) !== 0) {
    const from = sourceBit + done;
    const to = targetBit + done;
    const bit = (source[from >> 3]! >> (from & 7)) & 1;
    target[to >> 3] = (target[to >> 3]! & ~(1 << (to & 7))) | (bit << (to & 7));
    done++;
  }
  const remaining = count - done;
  if (remaining <= 0) return;
  const shift = (sourceBit + done) & 7;
  const from = (sourceBit + done) >> 3;
  const to = (targetBit + done) >> 3;
  const numBytes = (remaining + 7) >> 3;
  if (shift === 0) target.set(source.subarray(from, from + numBytes), to);
  else {
    for (let i = 0; i < numBytes; i++) {
      target[to + i] = (source[from + i]! >> shift) | ((source[from + i + 1] ?? 0) << (8 - shift));
    }
  }
  const tail = remaining & 7;
  if (tail !== 0) target[to + numBytes - 1] = target[to + numBytes - 1]! & ((1 << tail) - 1);
}

/**
 * Expands a validity bitmap (bit 1 = valid) into one byte per value (1 = null).
 * @returns the number of nulls
 */
export function expandNulls(target: Uint8Array, bitmap: Uint8Array, firstBit: number, count: number): number {
  let numNulls = 0;
  let i = 0;
  while (i < count) {
    const bit = firstBit + i;
    const byte = bitmap[bit >> 3]!;
    if ((bit & 7) === 0 && i + 8 <= count && byte === 0xff) {
      target.fill(0, i, i + 8);
      i += 8;
      continue;
    }
    const isNull = ((byte >> (bit & 7)) & 1) ^ 1;
    target[i] = isNull;
    numNulls += isNull;
    i++;
  }
  return numNulls;
}

/** Packs bytes that are 1 for null into a validity bitmap (bit 1 = valid), LSB-first. `nulls` absent = all valid. */
export function packValidity(target: Uint8Array, nulls: Uint8Array | null, from: number, count: number): void {
  target.fill(0, 0, (count + 7) >> 3);
  for (let i = 0; i < count; i++) {
    if (nulls === null || nulls[from + i] === 0) target[i >> 3] = target[i >> 3]! | (1 << (i & 7));
  }
}
