import { LanceError } from "../../errors.ts";
import type { Manifest } from "../../proto/gen/lance/table_pb.ts";

// Bits of `reader_feature_flags` and `writer_feature_flags` (format page section 1.3).

/** Some fragment has a deletion file. */
export const FLAG_DELETION_FILES = 1n;
/** Rows have ids that stay when they move. */
export const FLAG_STABLE_ROW_IDS = 2n;
/** The manifest has a config; writers only. */
export const FLAG_TABLE_CONFIG = 8n;
/** Files may be of another table, named by its base path. */
export const FLAG_BASE_PATHS = 16n;
/** Writers put the transaction into the manifest only. */
export const FLAG_NO_TRANSACTION_FILE = 32n;
/** Data files may be of different versions. */
export const FLAG_MIXED_FILE_VERSIONS = 256n;
/** No field id ever stands for two fields; writers only. */
export const FLAG_NON_REUSABLE_FIELD_IDS = 32768n;

const NAMES: ReadonlyMap<bigint, string> = new Map([
  [1n, "deletion files"],
  [2n, "stable row ids"],
  [4n, "v2 format (deprecated)"],
  [8n, "table config"],
  [16n, "base paths"],
  [32n, "no transaction file"],
  [64n, "data overlays"],
  [128n, "covering indexes"],
  [256n, "mixed file versions"],
  [512n, "fragment reuse with stable row ids"],
  [1024n, "fragment reuse index"],
  [2048n, "spilled row lineage"],
  [4096n, "fragment tree"],
  [8192n, "independent covering fields"],
  [16384n, "managed blobs"],
  [32768n, "non-reusable field ids"],
  [65536n, "zone write seeds"],
  [131072n, "object metadata"],
]);

const READABLE = 1n | 2n | 4n | 8n | 16n | 32n | 256n;
const WRITABLE = READABLE | FLAG_NON_REUSABLE_FIELD_IDS;

/** @throws UNSUPPORTED naming each bit this version cannot read */
export function checkReaderFlags(manifest: Manifest): void {
  checkFlags(manifest.readerFeatureFlags, READABLE, "read", Number(manifest.version));
}

/** @throws UNSUPPORTED naming each bit this version cannot write */
export function checkWriterFlags(manifest: Manifest): void {
  checkFlags(manifest.writerFeatureFlags, WRITABLE, "write", Number(manifest.version));
}

function checkFlags(flags: bigint, known: bigint, action: "read" | "write", version: number): void {
  const unknown = flags & ~known;
  if (unknown === 0n) return;
  const bits: string[] = [];
  for (let bit = 1n; bit <= unknown; bit <<= 1n) {
    if (unknown & bit) bits.push(`${bit} (${NAMES.get(bit) ?? "unknown"})`);
  }
  throw new LanceError(
    "UNSUPPORTED",
    `version ${version} needs table features this version of lancelet cannot ${action}: ${bits.join(", ")}. Use a newer lancelet`,
    { version, action, unknownFlags: unknown.toString(), bits },
  );
}
