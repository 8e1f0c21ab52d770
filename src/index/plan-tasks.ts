import { LanceError } from "../errors.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { getFragment } from "../table/snapshot.ts";
import { createBuildTask, DEFAULT_MEMORY_BUDGET_BYTES, getDefaultName } from "./build.ts";
import { checkFragmentIds } from "./check-shape.ts";
import { getColumnField } from "./fields.ts";
import type { IndexParams } from "./params.ts";
import { planBuild } from "./plan-build.ts";
import { getFamilyByType } from "./registry.ts";
import type { BuildTask, TrainedModel } from "./segment.ts";

/** What a plan of build tasks takes. */
export interface PlanTasksOptions {
  /** Tasks to make at most; never more than the fragments. */
  readonly numWorkers: number;
  /** Default `{column}_idx`. */
  readonly name?: string | undefined;
  /** Default: all fragments. */
  readonly fragmentIds?: readonly number[] | undefined;
  readonly params?: IndexParams | undefined;
  readonly model?: TrainedModel | null | undefined;
  /** Bytes one task may use where it runs. Default 256 MiB. */
  readonly memoryBudgetBytes?: number | undefined;
}

/**
 * The tasks of a distributed build: the fragments in groups of about equal rows, one task and one segment each.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, NOT_FOUND (unknown fragment), UNSUPPORTED
 */
export async function planBuildTasks(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: PlanTasksOptions,
): Promise<BuildTask[]> {
  const { name = getDefaultName(column), memoryBudgetBytes = DEFAULT_MEMORY_BUDGET_BYTES, params, model } = options;
  if (options.fragmentIds !== undefined) checkFragmentIds("fragmentIds", options.fragmentIds);
  const fragments = options.fragmentIds?.map((id) => getFragment(snapshot, id)) ?? snapshot.fragments;
  const shared = { name, params, model, memoryBudgetBytes };
  const family = await getFamilyByType(indexType);
  if (family.packGiven?.(getColumnField(snapshot, column), params ?? {}).given) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      "tasks hold no data: give centroids to trainIndexModel, and the model it makes to planIndexBuild",
      { parameters: Object.keys(params ?? {}) },
    );
  }
  return Promise.all(
    planBuild(fragments, options.numWorkers).map((fragmentIds) =>
      createBuildTask(snapshot, column, indexType, { ...shared, fragmentIds }),
    ),
  );
}
