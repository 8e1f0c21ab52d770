const HALF_MAXIMUM = 65_504;
/** Halfway between the largest half and the next power: from here on a value rounds to infinity. */
const HALF_OVERFLOW = 65_520;

/** Decodes an IEEE 754 binary16. */
export function decodeHalf(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * The binary16 nearest to a number, ties to even, as a number; `undefined` where it would change kind: a finite number
 * become infinite, or a number other than zero become zero (native refuses such literals too).
 */
export function roundToHalf(value: number): number | undefined {
  if (!Number.isFinite(value) || value === 0) return value;
  const magnitude = Math.abs(value);
  if (magnitude >= HALF_OVERFLOW) return undefined;
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  const step = 2 ** (exponent - 10);
  const rounded = Math.min(roundTiesToEven(magnitude / step) * step, HALF_MAXIMUM);
  return rounded === 0 ? undefined : Math.sign(value) * rounded;
}

function roundTiesToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The bits of the binary16 nearest to a number, ties to even; infinite beyond the largest. */
export function encodeHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= HALF_OVERFLOW) return sign | 0x7c00;
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  // A fraction that rounds up to the next power carries into the exponent's bits.
  if (magnitude < 2 ** -14) return sign | roundTiesToEven(magnitude * 2 ** 24);
  return sign | (((exponent + 14) << 10) + roundTiesToEven(magnitude / 2 ** (exponent - 10)));
}

/** The binary16 nearest to a number, as a number; infinite beyond the largest. */
export function roundHalf(value: number): number {
  return Number.isNaN(value) ? value : decodeHalf(encodeHalf(value));
}
