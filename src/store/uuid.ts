import { LanceError } from "../errors.ts";

const TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Draws a random (version 4) uuid. Works outside secure contexts, where `crypto.randomUUID` is missing. */
export function drawUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}

/** Whether a value is a uuid as {@link formatUuid} writes it. */
export function isUuid(value: unknown): value is string {
  return typeof value === "string" && TEXT.test(value);
}

/** 16 bytes → lower-case text with dashes. @throws CORRUPT on another length */
export function formatUuid(bytes: Uint8Array): string {
  if (bytes.length !== 16) {
    throw new LanceError("CORRUPT", `a uuid has 16 bytes, received ${bytes.length}`, { receivedBytes: bytes.length });
  }
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The inverse of {@link formatUuid}. @throws INVALID_ARGUMENT when `text` is no uuid */
export function parseUuid(text: string): Uint8Array {
  if (!isUuid(text)) {
    throw new LanceError("INVALID_ARGUMENT", `expected a lower-case uuid with dashes, received "${text}"`, {
      received: text,
    });
  }
  const hex = text.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
