import { LanceError } from "../../errors.ts";
import type { Manifest } from "../../proto/gen/lance/table_pb.ts";
import { FLAG_NON_REUSABLE_FIELD_IDS } from "../manifest/feature-flags.ts";
import { nextFieldId } from "../manifest/field-ids.ts";
import { addFragments } from "./next-fragments.ts";
import type { OperationOf } from "./operation.ts";

/**
 * Replaces schema and rows. Fragment ids, row ids and the version count go on; config is kept and added to; table
 * metadata and base paths stay; indexes go.
 *
 * @param options.storageVersion of the data files from here on; default that of the files, or the table's as it is
 * @throws INVALID_ARGUMENT when a fragment is not new, files differ in version, or an id stands for another field
 */
export function overwriteTable(
  manifest: Manifest,
  value: OperationOf<"overwrite">["value"],
  options: { readonly storageVersion?: string | undefined },
): void {
  if (value.initialBases.length > 0) {
    throw new LanceError("INVALID_ARGUMENT", "an overwrite cannot register base paths; a new table can", {});
  }
  const used = value.fragments.find((fragment) => fragment.deletionFile !== undefined);
  if (used !== undefined) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `fragment ${used.id} has deleted rows; an overwrite takes newly written fragments only`,
      { fragmentId: Number(used.id) },
    );
  }
  checkFieldIds(manifest, value.schema);
  const file = value.fragments[0]?.files[0];
  const version = options.storageVersion ?? (file && `${file.fileMajorVersion}.${file.fileMinorVersion}`);
  if (version !== undefined && manifest.dataFormat) manifest.dataFormat.version = version;
  manifest.fields = value.schema;
  manifest.schemaMetadata = value.schemaMetadata;
  manifest.config = { ...manifest.config, ...value.configUpsertValues };
  // The ids ever given out are counted before the fragments go.
  const before = manifest.fragments;
  const added = addFragments(manifest, value.fragments);
  if (added.length === 0) for (const { id } of before) raise(manifest, Number(id));
  manifest.fragments = added;
}

function raise(manifest: Manifest, id: number): void {
  manifest.maxFragmentId = Math.max(manifest.maxFragmentId ?? id, id);
}

/** Where ids are never given twice, a field of the same id must be the same column. */
function checkFieldIds(manifest: Manifest, schema: Manifest["fields"]): void {
  if ((manifest.writerFeatureFlags & FLAG_NON_REUSABLE_FIELD_IDS) === 0n) return;
  const known = new Map(manifest.fields.map((field) => [field.id, field]));
  const lowest = nextFieldId(manifest);
  for (const field of schema) {
    const before = known.get(field.id);
    if (before ? before.name === field.name && before.logicalType === field.logicalType : field.id >= lowest) continue;
    throw new LanceError(
      "INVALID_ARGUMENT",
      `the table never gives a field id twice, and "${field.name}" takes id ${field.id} of another column; give new fields ${lowest} or more`,
      { field: field.name, id: field.id, lowest },
    );
  }
}
