/** Copies `count` bits, LSB first. `target` must hold zeros from bit `at` on. */
export function copyBits(
  source: Uint8Array,
  from: number,
  { target, at, count }: { target: Uint8Array; at: number; count: number },
): void {
  if (count === 0) return;
  if (from % 8 === 0 && at % 8 === 0) {
    const bytes = Math.floor(count / 8);
    target.set(source.subarray(from / 8, from / 8 + bytes), at / 8);
    const rest = count - bytes * 8;
    if (rest > 0) target[at / 8 + bytes]! |= source[from / 8 + bytes]! & ((1 << rest) - 1);
    return;
  }
  let done = 0;
  // Byte by byte of the target once it is aligned.
  while (done < count) {
    const bit = (at + done) % 8;
    const take = Math.min(8 - bit, count - done);
    const start = Math.floor((from + done) / 8);
    const shift = (from + done) % 8;
    const word = source[start]! | ((source[start + 1] ?? 0) << 8);
    target[Math.floor((at + done) / 8)]! |= ((word >>> shift) & ((1 << take) - 1)) << bit;
    done += take;
  }
}

/** Sets `count` bits from bit `at` on. */
export function fillBits(target: Uint8Array, at: number, count: number): void {
  const end = at + count;
  while (at < end && at % 8 !== 0) {
    target[Math.floor(at / 8)]! |= 1 << (at % 8);
    at++;
  }
  const whole = Math.floor((end - at) / 8);
  if (whole > 0) {
    target.fill(0xff, at / 8, at / 8 + whole);
    at += whole * 8;
  }
  for (; at < end; at++) target[Math.floor(at / 8)]! |= 1 << (at % 8);
}
