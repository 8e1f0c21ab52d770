import { create } from "@bufbuild/protobuf";
import { type IndexMetadata, IndexMetadataSchema } from "../proto/gen/lance/table_pb.ts";
import { formatUuid, parseUuid } from "../store/uuid.ts";
import { decodeFragmentBitmap, encodeFragmentBitmap } from "../table/fragment-bitmap.ts";
import { loadFragReuse } from "../table/row-ids/frag-reuse.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { completeDetails } from "./complete-details.ts";
import type { IndexSegment } from "./segment.ts";

/** Coverage of ids the table never gave out is legal in native; a forged bitmap must still not expand without bound. */
const LEAST_FRAGMENT_BOUND = 2 ** 20;

/**
 * A segment as the manifest holds it → as plain JSON.
 * @param maxFragmentId highest id the table ever gave out, where it is known
 * @throws CORRUPT
 */
export async function toIndexSegment(metadata: IndexMetadata, maxFragmentId = 0): Promise<IndexSegment> {
  const bound = { maxFragmentId: Math.max(maxFragmentId, LEAST_FRAGMENT_BOUND) };
  const fragmentIds =
    metadata.fragmentBitmap.length > 0 ? await decodeFragmentBitmap(metadata.fragmentBitmap, bound) : [];
  return {
    uuid: formatUuid(metadata.uuid?.uuid ?? new Uint8Array(0)),
    name: metadata.name,
    fields: [...metadata.fields],
    datasetVersion: Number(metadata.datasetVersion),
    fragmentIds: [...fragmentIds],
    indexVersion: metadata.indexVersion ?? 0,
    createdAt: metadata.createdAt === undefined ? null : Number(metadata.createdAt),
    baseId: metadata.baseId ?? null,
    files:
      metadata.files.length === 0
        ? null
        : metadata.files.map((file) => ({ path: file.path, sizeBytes: Number(file.sizeBytes) })),
    indexDetails: {
      typeUrl: metadata.indexDetails?.typeUrl ?? "",
      value: encodeBase64(metadata.indexDetails?.value ?? new Uint8Array(0)),
    },
    ...(metadata.coveringFields.length > 0 ? { coveringFields: [...metadata.coveringFields] } : {}),
  };
}

/** The inverse of {@link toIndexSegment}. @throws INVALID_ARGUMENT, CORRUPT */
export async function toIndexMetadata(segment: IndexSegment): Promise<IndexMetadata> {
  return create(IndexMetadataSchema, {
    uuid: { uuid: parseUuid(segment.uuid) },
    fields: [...segment.fields],
    name: segment.name,
    datasetVersion: BigInt(segment.datasetVersion),
    fragmentBitmap: await encodeFragmentBitmap([...segment.fragmentIds].sort((a, b) => a - b)),
    indexDetails: {
      typeUrl: segment.indexDetails.typeUrl,
      value: decodeBase64(segment.indexDetails.value, "indexDetails.value"),
    },
    indexVersion: segment.indexVersion,
    ...(segment.createdAt === null ? {} : { createdAt: BigInt(segment.createdAt) }),
    ...(segment.baseId === null ? {} : { baseId: segment.baseId }),
    files: (segment.files ?? []).map((file) => ({ path: file.path, sizeBytes: BigInt(file.sizeBytes) })),
    coveringFields: [...(segment.coveringFields ?? [])],
  });
}

/**
 * The committed segments of a snapshot, of one index or of all; each with the manifest's own message. Coverage is given
 * in the fragments of now, also where a compaction left the index alone; details that are empty as the files tell them.
 */
export async function listSegments(
  snapshot: Snapshot,
  name?: string,
): Promise<{ readonly segment: IndexSegment; readonly metadata: IndexMetadata }[]> {
  const chosen = snapshot.indices.filter((metadata) => name === undefined || metadata.name === name);
  if (chosen.length === 0) return [];
  const reuse = await loadFragReuse(snapshot);
  return settleAll(
    chosen.map(async (metadata) => {
      const segment = await toIndexSegment(metadata, snapshot.manifest.maxFragmentId);
      const fragmentIds = reuse?.mapFragments(segment.fragmentIds) ?? segment.fragmentIds;
      return { segment: await completeDetails(snapshot, { ...segment, fragmentIds }), metadata };
    }),
  );
}

/** Fragments a segment answers for at a version: its coverage, less the fragments dropped since. Ascending. */
export function getEffectiveCoverage(segment: IndexSegment, snapshot: Snapshot): number[] {
  const live = new Set(snapshot.fragments.map((fragment) => fragment.id));
  return segment.fragmentIds.filter((id) => live.has(id)).sort((a, b) => a - b);
}

/** Whether a segment only says what is to be built. */
export function isUntrained({ files, fragmentIds }: Pick<IndexSegment, "files" | "fragmentIds">): boolean {
  return fragmentIds.length === 0 && (files === null || files.length === 0);
}
