import { LanceError } from "../../errors.ts";
import type { Manifest } from "../../proto/gen/lance/table_pb.ts";
import type { OperationOf } from "./operation.ts";
import { applyMapUpdate, type MapUpdate, readConfigChanges } from "./update-map.ts";

/** Metadata of a field that mark it as part of the primary key, or of the clustering key. Set once, they stay. */
const PRIMARY_KEY = "lance-schema:unenforced-primary-key";
const PRIMARY_KEY_POSITION = "lance-schema:unenforced-primary-key:position";
const CLUSTERING_KEY_POSITION = "lance-schema:unenforced-clustering-key:position";

const encoder = new TextEncoder();

/**
 * Applies changes of config, table metadata, schema metadata and field metadata.
 *
 * @throws INVALID_ARGUMENT when a field does not exist, or a key column would change
 */
export function applyConfigChanges(manifest: Manifest, value: OperationOf<"updateConfig">["value"]): void {
  const { config, tableMetadata, schemaMetadata, fieldMetadata } = readConfigChanges(value);
  const keep = (text: string): string => text;
  if (config) manifest.config = applyMapUpdate(manifest.config, config, keep);
  if (tableMetadata) manifest.tableMetadata = applyMapUpdate(manifest.tableMetadata, tableMetadata, keep);
  if (schemaMetadata) manifest.schemaMetadata = applyMapUpdate(manifest.schemaMetadata, schemaMetadata, encode);
  for (const [id, update] of fieldMetadata) updateField(manifest, id, update);
}

function updateField(manifest: Manifest, id: number, update: MapUpdate): void {
  const field = manifest.fields.find((candidate) => candidate.id === id);
  if (field === undefined) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `field ${id} does not exist; the schema has ${manifest.fields.map((one) => `${one.id} (${one.name})`).join(", ")}`,
      { fieldId: id },
    );
  }
  const before = field.metadata;
  field.metadata = applyMapUpdate(before, update, encode);
  for (const key of [PRIMARY_KEY, PRIMARY_KEY_POSITION, CLUSTERING_KEY_POSITION]) {
    if (decode(before[key]) === decode(field.metadata[key])) continue;
    throw new LanceError(
      "UNSUPPORTED",
      `"${key}" of field ${field.name} marks a key column, which lancelet does not change; set it with native Lance, once, before data is written`,
      { fieldId: id, key },
    );
  }
}

function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

function decode(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}
