import type { JobProgress } from "../pool/pool.ts";
import { drawUuid } from "../store/uuid.ts";
import { requireWritable } from "../table/commit/publish.ts";
import { createColumnSource } from "../table/rows/column-source.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { encodeBase64 } from "./base64.ts";
import { readModel, writeModel } from "./model-file.ts";
import { getFamilyByType } from "./registry.ts";
import type { BuildTask, FamilyContext, IndexFamily, IndexSegment, SegmentWriter, TrainedModel } from "./segment.ts";
import { createSegmentWriter } from "./segment-writer.ts";

/** What a task runs within: a worker's job, or the calling thread. */
export interface TaskContext {
  readonly signal?: AbortSignal | undefined;
  reportProgress?(progress: JobProgress): void;
}

/**
 * Runs one build: reads the task's rows, writes the files of a new segment. The manifest is untouched; a failed or
 * cancelled build removes what it wrote.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, NOT_FOUND, QUOTA_EXCEEDED, ABORTED, IO
 */
export async function buildSegment(snapshot: Snapshot, task: BuildTask, context: TaskContext): Promise<IndexSegment> {
  const store = requireWritable(snapshot.store, snapshot.uri);
  const family = await getFamilyByType(task.indexType);
  const source = createColumnSource(snapshot, task.column, task.fragmentIds, { rowIdDomain: family.rowIdDomain });
  const params = family.resolveParams(source.field, task.params, source.numRows);
  const model = task.model ? await readModel(snapshot.store, task.model, context.signal) : null;
  const writer = createSegmentWriter(store, drawUuid(), context.signal);
  const files = await writeSegment(writer, () =>
    family.build(source, params, model, writer, toFamilyContext(task, context)),
  );
  return describeSegment(snapshot, family, {
    uuid: writer.uuid,
    name: task.name,
    fields: [source.field.id],
    datasetVersion: snapshot.version,
    fragmentIds: source.fragmentIds,
    files,
    details: family.encodeDetails(params),
  });
}

/**
 * Trains what segments share, over the rows of some fragments. The task's model is what need not be trained.
 * @returns `null` for a family that learns nothing
 */
export async function trainModel(
  snapshot: Snapshot,
  task: BuildTask,
  context: TaskContext,
): Promise<TrainedModel | null> {
  const family = await getFamilyByType(task.indexType);
  if (!family.train) return null;
  const store = requireWritable(snapshot.store, snapshot.uri);
  const source = createColumnSource(snapshot, task.column, task.fragmentIds, { rowIdDomain: family.rowIdDomain });
  const params = family.resolveParams(source.field, task.params, source.numRows);
  const given = task.model ? await readModel(snapshot.store, task.model, context.signal) : null;
  const bytes = await family.train(source, params, { ...toFamilyContext(task, context), given });
  return writeModel(store, bytes, context.signal);
}

/** Runs `write`, then seals the files; whatever fails, nothing is left behind. */
export async function writeSegment(
  writer: SegmentWriter,
  write: () => Promise<void>,
): Promise<Awaited<ReturnType<SegmentWriter["finish"]>>> {
  try {
    await write();
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** The segment as JSON, as every attempt reports it. */
export function describeSegment(
  snapshot: Snapshot,
  family: IndexFamily,
  parts: Pick<IndexSegment, "uuid" | "name" | "fields" | "datasetVersion" | "fragmentIds" | "files"> & {
    readonly details: Uint8Array;
  },
): IndexSegment {
  const { details, ...rest } = parts;
  return {
    ...rest,
    fragmentIds: [...parts.fragmentIds],
    indexVersion: family.indexVersion(snapshot.stableRowIds),
    createdAt: Date.now(),
    baseId: null,
    indexDetails: { typeUrl: family.typeUrl, value: encodeBase64(details) },
  };
}

/** The context a family runs within. */
export function toFamilyContext(task: { readonly memoryBudgetBytes: number }, context: TaskContext): FamilyContext {
  return {
    memoryBudgetBytes: task.memoryBudgetBytes,
    signal: context.signal,
    ...(context.reportProgress ? { reportProgress: (progress) => context.reportProgress!(progress) } : {}),
  };
}
