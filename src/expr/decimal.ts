import type { DecimalType } from "./value-type.ts";

/** An unscaled decimal at another scale; a coarser one rounds half away from zero, as Arrow does. */
export function rescale(value: bigint, from: number, to: number): bigint {
  if (to >= from) return value * 10n ** BigInt(to - from);
  const divisor = 10n ** BigInt(from - to);
  const quotient = value / divisor;
  const rest = value % divisor;
  const isUp = (rest < 0n ? -rest : rest) * 2n >= divisor;
  return isUp ? quotient + (value < 0n ? -1n : 1n) : quotient;
}

/** The value if it has at most the type's digits, else `undefined`. */
export function fitsPrecision(value: bigint, type: DecimalType): bigint | undefined {
  const limit = 10n ** BigInt(type.precision);
  return value < limit && value > -limit ? value : undefined;
}

/** Reads `-12.340` (an exponent too) at the type's scale; `undefined` for what is no number or does not fit. */
export function parseDecimal(text: string, type: DecimalType): bigint | undefined {
  // Arrow reads no digits at all as zero.
  if (text === "") return 0n;
  const match = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?$/i.exec(text);
  if (match === null || `${match[2]}${match[3]}` === "" || `${match[2]}${match[3]}`.length > 200) return undefined;
  const scale = match[3]!.length - Number(match[4] ?? 0);
  const unscaled = BigInt(`${match[2]}${match[3]}`);
  return fitsPrecision(rescale(match[1] === "-" ? -unscaled : unscaled, scale, type.scale), type);
}

/** `-2.25`: all digits of the scale. */
export function formatDecimal(value: bigint, scale: number): string {
  if (scale <= 0) return String(value * 10n ** BigInt(-scale));
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The double nearest to a decimal. */
export function decimalToNumber(value: bigint, scale: number): number {
  return scale === 0 ? Number(value) : Number(formatDecimal(value, scale));
}

/** A double at the type's scale, rounded half away from zero; `undefined` where it does not fit. */
export function numberToDecimal(value: number, type: DecimalType): bigint | undefined {
  if (!Number.isFinite(value)) return undefined;
  const scaled = value * 10 ** type.scale;
  const rounded = Math.sign(scaled) * Math.round(Math.abs(scaled));
  return Number.isFinite(rounded) ? fitsPrecision(BigInt(rounded), type) : undefined;
}
