import { LanceError } from "../errors.ts";
import { deleteQuietly, requireWritable } from "../table/commit/publish.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { getColumnField } from "./fields.ts";
import { writeModel } from "./model-file.ts";
import type { IndexParams } from "./params.ts";
import { getFamilyByType } from "./registry.ts";
import type { TrainedModel } from "./segment.ts";

/** What a build is asked for. */
interface Asked {
  readonly params?: IndexParams | undefined;
  readonly model?: TrainedModel | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `use` with parameters that are plain JSON: what is data among them (centroids, a codebook) is a file while it
 * runs, which `model` names in the place of a trained one.
 * @throws INVALID_ARGUMENT, DIMENSION_MISMATCH, QUOTA_EXCEEDED, IO, ABORTED; and what `use` throws
 */
export async function withGivenModel<T>(
  snapshot: Snapshot,
  { column, indexType }: { readonly column: string; readonly indexType: string },
  asked: Asked,
  use: (plain: { readonly params: IndexParams; readonly model: TrainedModel | null }) => Promise<T>,
): Promise<T> {
  const { params = {}, model = null, signal } = asked;
  const family = await getFamilyByType(indexType);
  const packed = family.packGiven?.(getColumnField(snapshot, column), params) ?? { params, given: null };
  if (packed.given === null) return use({ params: packed.params, model });
  if (model !== null) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      "a trained model holds its centroids already: give a model, or give centroids",
      { parameters: Object.keys(params) },
    );
  }
  const store = requireWritable(snapshot.store, snapshot.uri);
  const given = await writeModel(store, packed.given, signal);
  try {
    return await use({ params: packed.params, model: given });
  } finally {
    await deleteQuietly(store, [given.path]);
  }
}
