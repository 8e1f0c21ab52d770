import { LanceError } from "../errors.ts";
import { drawUuid } from "../store/uuid.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { describeSegment } from "./build-segment.ts";
import { planReplacement } from "./check-commit.ts";
import { commitIndices } from "./commit.ts";
import { getColumnField } from "./fields.ts";
import { toIndexMetadata } from "./metadata.ts";
import type { IndexParams } from "./params.ts";
import { getFamilyByType } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

/**
 * Records what an index is to be, as native does: a segment without files that covers no fragment. Its details hold the
 * parameters; `optimizeIndices` trains it once there are rows, and replaces it. Takes the place of an index of its name.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, ALREADY_EXISTS (name of another column), COMMIT_CONFLICT, IO
 */
export async function createUntrainedIndex(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: {
    readonly name: string;
    readonly params?: IndexParams | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<{ readonly snapshot: Snapshot; readonly segments: readonly IndexSegment[] }> {
  const { name, params = {}, signal } = options;
  const field = getColumnField(snapshot, column);
  const family = await getFamilyByType(indexType);
  if (family.packGiven?.(field, params).given) {
    throw new LanceError("INVALID_ARGUMENT", "train: false keeps no centroids: give them when the index is built", {
      indexType,
    });
  }
  const resolved = family.resolveParams(field, params, 0);
  const segment = describeSegment(snapshot, family, {
    uuid: drawUuid(),
    name,
    fields: [field.id],
    datasetVersion: snapshot.version,
    fragmentIds: [],
    files: [],
    details: family.encodeDetails(resolved),
  });
  const everything = { ...segment, uuid: null, fragmentIds: snapshot.fragments.map(({ id }) => id) };
  const { removed } = await planReplacement(snapshot, name, field, [everything]);
  const committed = await commitIndices(snapshot, [await toIndexMetadata(segment)], removed, signal);
  return { snapshot: committed, segments: [segment] };
}
