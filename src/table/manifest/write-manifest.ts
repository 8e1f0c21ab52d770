import { clone, toBinary } from "@bufbuild/protobuf";
import { type Manifest, ManifestSchema } from "../../proto/gen/lance/table_pb.ts";
import { MAGIC, TRAILER_BYTES } from "./read-manifest.ts";

/** Beyond this a transaction stays in its own file; native draws the same line. */
export const MAX_INLINE_TRANSACTION_BYTES = 20 * 1024 * 1024;

const MINOR_VERSION = 2;

/**
 * Bytes of a manifest file: `[index section] [transaction] manifest trailer`, each section with its u32 length
 * (format page section 1.2). The section offsets are set here, whatever `manifest` said.
 */
export function encodeManifestFile(
  manifest: Manifest,
  sections: { readonly indexSection?: Uint8Array | undefined; readonly transaction?: Uint8Array | undefined },
): Uint8Array {
  const message = clone(ManifestSchema, manifest);
  delete message.indexSection;
  delete message.transactionSection;
  delete message.transactionSectionLegacy;
  let position = 0;
  const parts: Uint8Array[] = [];
  const append = (payload: Uint8Array) => {
    const at = position;
    parts.push(payload);
    position += 4 + payload.length;
    return BigInt(at);
  };
  if (sections.indexSection !== undefined) message.indexSection = append(sections.indexSection);
  if (sections.transaction !== undefined) message.transactionSection = append(sections.transaction);
  const manifestAt = append(toBinary(ManifestSchema, message));

  const file = new Uint8Array(position + TRAILER_BYTES);
  const view = new DataView(file.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    file.set(part, at + 4);
    at += 4 + part.length;
  }
  view.setBigUint64(at, manifestAt, true);
  view.setUint16(at + 10, MINOR_VERSION, true);
  view.setUint32(at + 12, MAGIC, true);
  return file;
}
