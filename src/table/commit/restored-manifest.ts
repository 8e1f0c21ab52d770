import { clone } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type Manifest, ManifestSchema } from "../../proto/gen/lance/table_pb.ts";
import { FLAG_MIXED_FILE_VERSIONS, FLAG_NON_REUSABLE_FIELD_IDS } from "../manifest/feature-flags.ts";
import { hasStableRowIds } from "../row-ids/row-lineage.ts";
import { highestFragmentId } from "./next-fragments.ts";

/**
 * An old version as the next one: its content, with the marks of ids given out since, so that none is given twice.
 *
 * @throws INVALID_ARGUMENT when the table changed since in a way that an older version cannot say
 */
export function updateRestored(latest: Manifest, old: Manifest): Manifest {
  if (hasStableRowIds(latest) && !hasStableRowIds(old)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `cannot restore version ${old.version}: rows got stable ids after it, and their ids would stand for other rows`,
      { version: Number(old.version) },
    );
  }
  const manifest = clone(ManifestSchema, old);
  manifest.version = latest.version + 1n;
  const highest = highestFragmentId(latest);
  if (highest !== undefined) manifest.maxFragmentId = Math.max(highestFragmentId(old) ?? 0, highest);
  if (latest.nextRowId > manifest.nextRowId) manifest.nextRowId = latest.nextRowId;
  if ((latest.writerFeatureFlags & FLAG_NON_REUSABLE_FIELD_IDS) !== 0n) {
    if (old.maxAllocatedFieldId === undefined) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `cannot restore version ${old.version}: field ids are never given twice since a later version`,
        { version: Number(old.version) },
      );
    }
    manifest.maxAllocatedFieldId = Math.max(old.maxAllocatedFieldId, latest.maxAllocatedFieldId ?? -1);
    manifest.writerFeatureFlags |= FLAG_NON_REUSABLE_FIELD_IDS;
  }
  manifest.readerFeatureFlags |= latest.readerFeatureFlags & FLAG_MIXED_FILE_VERSIONS;
  manifest.writerFeatureFlags |= latest.writerFeatureFlags & FLAG_MIXED_FILE_VERSIONS;
  return manifest;
}
