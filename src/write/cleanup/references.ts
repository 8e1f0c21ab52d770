import type { IndexMetadata, Manifest } from "../../proto/gen/lance/table_pb.ts";
import { formatUuid } from "../../store/uuid.ts";
import { formatDeletionName } from "../../table/deletions/deletion-file.ts";

/** Files that manifests name, by their paths in the table; of an index the uuid. */
export interface References {
  readonly data: Set<string>;
  readonly deletions: Set<string>;
  readonly transactions: Set<string>;
  readonly indexUuids: Set<string>;
  /** Other places that files of a version are in. */
  readonly bases: Set<string>;
}

/** What a listed file is to a clean-up. */
export type FileKind = "data" | "deletion" | "transaction" | "index" | "temporary";

/** No file yet. */
export function createReferences(): References {
  return { data: new Set(), deletions: new Set(), transactions: new Set(), indexUuids: new Set(), bases: new Set() };
}

/**
 * Adds the files of one version.
 *
 * Files of other bases are added as if they were here: a name too many keeps a file too many, never too few.
 */
export function addReferences(
  references: References,
  version: { readonly manifest: Manifest; readonly indices: readonly IndexMetadata[] },
): void {
  const { manifest, indices } = version;
  for (const { id, files, deletionFile } of manifest.fragments) {
    for (const { path } of files) references.data.add(`data/${path}`);
    if (deletionFile) references.deletions.add(`_deletions/${formatDeletionName(Number(id), deletionFile)}`);
  }
  for (const { path } of manifest.basePaths) references.bases.add(path);
  if (manifest.transactionFile !== "") references.transactions.add(`_transactions/${manifest.transactionFile}`);
  for (const { uuid } of indices) references.indexUuids.add(formatUuid(uuid?.uuid ?? new Uint8Array(0)));
}

/** The kind of a file in one of Lance's directories; `undefined` for strangers, which stay. */
export function classifyFile(path: string): FileKind | undefined {
  if (/^data\/.+\.(lance|blob)$/.test(path)) return "data";
  if (/^_deletions\/[^/]+\.(arrow|bin)$/.test(path)) return "deletion";
  if (/^_transactions\/[^/]+\.txn$/.test(path)) return "transaction";
  if (/^_indices\/[^/]+\/.+$/.test(path)) return "index";
  if (/^_versions\/\.tmp/.test(path)) return "temporary";
  return undefined;
}

/** Whether a file, or for a blob's the data file it belongs to, is named. */
export function isReferenced(references: References, path: string, kind: FileKind): boolean {
  switch (kind) {
    case "data":
      return references.data.has(path) || references.data.has(ownerOf(path));
    case "deletion":
      return references.deletions.has(path);
    case "transaction":
      return references.transactions.has(path);
    case "index":
      return references.indexUuids.has(path.split("/")[1]!);
    case "temporary":
      return false;
  }
}

/** `data/{stem}/{blob id}.blob` → `data/{stem}.lance` (format page section 1.1). */
function ownerOf(path: string): string {
  return path.endsWith(".blob") ? `${path.slice(0, path.lastIndexOf("/"))}.lance` : path;
}
