import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import {
  Transaction_UpdateConfigSchema,
  type Transaction_UpdateMapSchema,
} from "../../proto/gen/lance/transaction_pb.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import { commit } from "../../table/commit/commit.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { resolveFieldPath } from "../columns/field-path.ts";
import { CONFLICT_KEYS, type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";

/** New values by key; `null` takes a key out. */
export type MetadataChanges = Readonly<Record<string, string | null>>;

/** How text by key is changed. */
export interface MetadataOptions extends ConflictOptions {
  /** Keys that are not given go. Default: they stay. */
  readonly replace?: boolean | undefined;
}

const OPTION_KEYS = new Set<string>([...CONFLICT_KEYS, "replace" satisfies keyof MetadataOptions]);

/** Which of a table's texts by key. */
export type MetadataTarget = "config" | "tableMetadata" | "schemaMetadata" | { readonly field: string };

type UpdateMap = MessageInitShape<typeof Transaction_UpdateMapSchema>;

/**
 * Changes a table's config or metadata in one commit; no data is touched.
 *
 * @throws INVALID_ARGUMENT (a value that is no text, no such field), COMMIT_CONFLICT (another writer changed one of the
 * same keys), UNSUPPORTED, IO, ABORTED
 */
export async function updateMetadata(
  snapshot: Snapshot,
  target: MetadataTarget,
  changes: MetadataChanges,
  options: MetadataOptions = {},
): Promise<Snapshot> {
  checkOptionNames(options, OPTION_KEYS, "metadata");
  const updates = toUpdateMap(changes, options.replace ?? false);
  const attempt = (current: Snapshot): Promise<Snapshot> => {
    checkWriterFlags(current.manifest);
    requireWritable(current.store, current.uri);
    const value = create(Transaction_UpdateConfigSchema, toOperation(current, target, updates));
    return commit(current, { case: "updateConfig", value }, { signal: options.signal });
  };
  return retryConflicts(snapshot, attempt, options);
}

function toOperation(
  snapshot: Snapshot,
  target: MetadataTarget,
  updates: UpdateMap,
): MessageInitShape<typeof Transaction_UpdateConfigSchema> {
  switch (target) {
    case "config":
      return { configUpdates: updates };
    case "tableMetadata":
      return { tableMetadataUpdates: updates };
    case "schemaMetadata":
      return { schemaMetadataUpdates: updates };
    default:
      return { fieldMetadataUpdates: { [resolveFieldPath(snapshot.schema, target.field).at(-1)!.id]: updates } };
  }
}

function toUpdateMap(changes: MetadataChanges, replace: boolean): UpdateMap {
  const updateEntries = Object.entries(changes).map(([key, value]) => {
    if (value === null) return { key };
    if (typeof value === "string") return { key, value };
    throw new LanceError(
      "INVALID_ARGUMENT",
      `"${key}": expected a text, or null to take it out; received ${typeof value}`,
      {
        key,
        received: typeof value,
      },
    );
  });
  return { updateEntries, replace };
}

/** Text by key of one place of a version. */
export function readMetadata(snapshot: Snapshot, target: MetadataTarget): Record<string, string> {
  const { manifest, schema } = snapshot;
  switch (target) {
    case "config":
      return { ...manifest.config };
    case "tableMetadata":
      return { ...manifest.tableMetadata };
    case "schemaMetadata":
      return decode(schema.metadata);
    default:
      return decode(resolveFieldPath(schema, target.field).at(-1)!.metadata);
  }
}

function decode(metadata: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  const decoder = new TextDecoder();
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, decoder.decode(value)]));
}
