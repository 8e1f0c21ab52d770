import { LanceError } from "../errors.ts";

/** Bytes → standard base64. One copy. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  // String.fromCharCode takes its bytes as arguments: 32 KiB stays below every engine's limit. Spread they would go
  // through an iterator, which takes ten times as long.
  for (let i = 0; i < bytes.length; i += 32768) {
    binary += String.fromCharCode.apply(null, bytes.subarray(i, i + 32768) as unknown as number[]);
  }
  return btoa(binary);
}

/** The inverse of {@link encodeBase64}. @throws CORRUPT when `text` is not base64; `what` names it */
export function decodeBase64(text: string, what: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new LanceError("CORRUPT", `${what} is not base64`, { what }, { cause });
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
