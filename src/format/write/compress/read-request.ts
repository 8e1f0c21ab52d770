import type { PageEncoderOptions } from "../../../kernels/encode.ts";

/** What a user may ask of a field's pages, by the keys native Lance reads; values it does not know are passed over. */
export type EncodingRequest = Pick<PageEncoderOptions, "compression" | "byteStreamSplit" | "structure">;

const KEYS = {
  compression: ["lance-encoding:compression", ["none", "fsst", "lz4", "zstd"]],
  byteStreamSplit: ["lance-encoding:bss", ["auto", "on", "off"]],
  structure: ["lance-encoding:structural-encoding", ["miniblock", "fullzip"]],
} as const;

/** Reads a field's metadata. */
export function readRequest(metadata: Readonly<Record<string, Uint8Array>>): EncodingRequest {
  const decoder = new TextDecoder();
  const request: Record<string, string> = {};
  for (const [name, [key, known]] of Object.entries(KEYS)) {
    const value = metadata[key] && decoder.decode(metadata[key]).toLowerCase();
    if (value !== undefined && (known as readonly string[]).includes(value)) request[name] = value;
  }
  return request;
}
