import type {
  Transaction_UpdateConfig,
  Transaction_UpdateMap,
  Transaction_UpdateMapEntry,
} from "../../proto/gen/lance/transaction_pb.ts";

/** Changes of one map: keys set, keys that go (`undefined`), and whether all others go too. */
export interface MapUpdate {
  readonly replace: boolean;
  readonly entries: ReadonlyMap<string, string | undefined>;
}

/** What an `UpdateConfig` changes, whichever of its two forms it was written in. */
export interface ConfigChanges {
  readonly config: MapUpdate | undefined;
  readonly tableMetadata: MapUpdate | undefined;
  readonly schemaMetadata: MapUpdate | undefined;
  /** By field id. */
  readonly fieldMetadata: ReadonlyMap<number, MapUpdate>;
}

/** Reads both forms of the message; in the older one schema and field metadata were always replaced whole. */
export function readConfigChanges(value: Transaction_UpdateConfig): ConfigChanges {
  const fieldMetadata = new Map<number, MapUpdate>();
  for (const [id, { metadata }] of Object.entries(value.fieldMetadata))
    fieldMetadata.set(Number(id), replaceBy(metadata));
  for (const [id, update] of Object.entries(value.fieldMetadataUpdates)) fieldMetadata.set(Number(id), read(update));
  const hasOldConfig = Object.keys(value.upsertValues).length > 0 || value.deleteKeys.length > 0;
  return {
    config: value.configUpdates
      ? read(value.configUpdates)
      : hasOldConfig
        ? {
            replace: false,
            entries: new Map<string, string | undefined>([
              ...Object.entries(value.upsertValues),
              ...value.deleteKeys.map((key): [string, undefined] => [key, undefined]),
            ]),
          }
        : undefined,
    tableMetadata: value.tableMetadataUpdates && read(value.tableMetadataUpdates),
    schemaMetadata: value.schemaMetadataUpdates
      ? read(value.schemaMetadataUpdates)
      : Object.keys(value.schemaMetadata).length > 0
        ? replaceBy(value.schemaMetadata)
        : undefined,
    fieldMetadata,
  };
}

/** Applies an update to a map; the map given stays. */
export function applyMapUpdate<T>(
  map: Readonly<Record<string, T>>,
  update: MapUpdate,
  toValue: (text: string) => T,
): Record<string, T> {
  const entries = new Map<string, T>(update.replace ? [] : Object.entries(map));
  for (const [key, value] of update.entries) {
    if (value === undefined) entries.delete(key);
    else entries.set(key, toValue(value));
  }
  return Object.fromEntries(entries);
}

function read(update: Transaction_UpdateMap): MapUpdate {
  const entries = update.updateEntries.map(
    ({ key, value }: Transaction_UpdateMapEntry): [string, string | undefined] => [key, value],
  );
  return { replace: update.replace, entries: new Map(entries) };
}

function replaceBy(values: Readonly<Record<string, string>>): MapUpdate {
  return { replace: true, entries: new Map(Object.entries(values)) };
}
