import { LanceError } from "../../errors.ts";
import { loadBuildKernels } from "../../kernels/build.ts";
import { hasSameBytes } from "../../same-bytes.ts";
import { halvesOf, NO_ROW } from "../../table/row-ids/row-addresses.ts";
import type { RowSet } from "../../table/row-set.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { decodeBase64 } from "../base64.ts";
import { checkSame } from "../incompatible.ts";
import type { IndexParams } from "../params.ts";
import type { ColumnSource, FamilyContext, IndexFamily, OpenSegment, RowIdMap, SegmentWriter } from "../segment.ts";
import { getVectorType, type VectorType } from "../vector-type.ts";
import { decodeDetails, encodeDetails, readDetailParams } from "./details.ts";
import { checkGiven, decodeGiven, type GivenModel, packGiven } from "./given-model.ts";
import { type IvfHeader, openIvfHeader } from "./header.ts";
import { AUXILIARY_FILE, INDEX_FILE, VECTOR_DETAILS } from "./ivf-files.ts";
import type { IvfKind } from "./kind.ts";
import { decodeModel, encodeModel, type IvfModel, trainIvf } from "./model.ts";
import { fitPartitions, type IvfParams, resolveIvfParams } from "./params.ts";
import type { PartitionRun } from "./partition-run.ts";
import { openIvf } from "./reader.ts";
import { createSegmentRun } from "./segment-run.ts";
import { shuffleRows } from "./shuffle.ts";
import type { StorageKind } from "./storage/storage.ts";
import type { SubIndex } from "./sub-index/sub-index.ts";
import { writeIvfSegment } from "./write-segment.ts";

/** A vector index family: vectors by nearest centroid, a sub-index over each partition, rows in a storage. */
export function createIvfFamily(subIndex: SubIndex, storage: StorageKind): IndexFamily {
  const indexType = ["IVF", subIndex.name, storage.name].filter((part) => part !== "").join("_");
  const kind: IvfKind = { indexType, subIndex, storage };
  return {
    queryKind: "vector",
    distances: storage.isExact ? "exact" : "approximate",
    typeUrl: VECTOR_DETAILS,
    displayName: () => indexType,
    indexVersion: () => storage.indexVersion,
    rowIdDomain: "stableRowId",
    listFiles: () => [INDEX_FILE, AUXILIARY_FILE],

    resolveParams: (field, params, numRows) => ({ ...resolveIvfParams(kind, field, { params, numRows }) }),

    encodeDetails: (params) => encodeDetails(kind, params as unknown as IvfParams),
    decodeDetails,

    readParams: (details) => readDetailParams(kind, details),

    packGiven: (field, params) => packGiven(kind, field, params),

    async train(source, params, context) {
      const given = context.given ? decodeGiven(context.given) : undefined;
      return encodeModel(await train(kind, source, params as unknown as IvfParams, { ...context, given }));
    },

    async build(source, params, model, writer, context) {
      const wanted = params as unknown as IvfParams;
      const given = model ? decodeGiven(model) : undefined;
      const mustTrain = model === null || given !== undefined;
      const trained = mustTrain ? await train(kind, source, wanted, { ...context, given }) : decodeModel(model);
      checkModel(kind, trained, wanted, getVectorType(source.field, `an ${indexType} index`));
      await write(kind, trained, { segments: [], newRows: source, params, writer, context });
    },

    async checkCompatible(segments, purpose) {
      await openCompatible(kind, segments, purpose);
    },

    async merge(segments, newRows, writer, context) {
      const headers = await openCompatible(kind, segments, "merge", context.signal);
      const first = headers[0];
      if (!first) throw new LanceError("INVALID_ARGUMENT", "nothing to merge: at least one segment is required");
      const learned = storage.mergeModels(headers.map(({ model }) => model.storage));
      const kept = headers.map((header, i) => ({ header, keepRows: keepRow(context.keepRows[i]!) }));
      const params = first.graphs?.params ?? {};
      await write(kind, { ...first.model, storage: learned }, { segments: kept, newRows, params, writer, context });
    },

    async remap(segment, rowIdMap, writer, context) {
      const header = await openIvfHeader(kind, segment, { signal: context.signal });
      const segments = [{ header, keepRows: rowIdMap }];
      const params = header.graphs?.params ?? {};
      await write(kind, header.model, { segments, newRows: null, params, writer, context });
    },

    async readRecipe(segment, signal) {
      const { model } = await openIvfHeader(kind, segment, { signal });
      const details = decodeBase64(segment.segment.indexDetails.value, "indexDetails.value");
      // How many partitions there should be follows from the rows there are when it is trained again, as in native.
      const { numPartitions: _, ...params } = readDetailParams(kind, details);
      return { params: { ...params, metric: model.metric }, model: encodeModel(model) };
    },

    canServe: () => ({ exactness: "no", cost: 0 }),

    open: (segment, context) => openIvf(kind, segment, context),
  };
}

function train(
  kind: IvfKind,
  source: ColumnSource,
  params: IvfParams,
  { given, ...context }: FamilyContext & { readonly given: GivenModel | undefined },
): Promise<IvfModel> {
  const type = getVectorType(source.field, `an ${kind.indexType} index`);
  if (given) checkGiven(given, type);
  const fitted = fitPartitions(kind, params, { type, numRows: source.numRows, context });
  return trainIvf(source, fitted, { type, storage: kind.storage, given, context });
}

/** Rows of segments and of a column become one segment of a model; rows coded by another model are coded anew. */
async function write(
  kind: IvfKind,
  model: IvfModel,
  options: {
    readonly segments: readonly { readonly header: IvfHeader; readonly keepRows: RowIdMap }[];
    readonly newRows: ColumnSource | null;
    /** How the sub-index is built. */
    readonly params: IndexParams;
    readonly writer: SegmentWriter;
    readonly context: FamilyContext;
  },
): Promise<void> {
  const { newRows, params, writer, context } = options;
  const storage = kind.storage.open(model, model.storage);
  const runs: PartitionRun[] = options.segments.map(({ header, keepRows }) => {
    const recode = kind.storage.createRecoder(header.model.storage, model.storage);
    return createSegmentRun(header, { keepRows, recode, signal: context.signal });
  });
  if (newRows) {
    const kernels = await loadBuildKernels();
    runs.push(...(await shuffleRows(newRows, model, { storage, kernels, scratch: writer.scratch, context })));
  }
  const parts = { indexType: kind.indexType, subIndex: kind.subIndex, storage, params };
  await writeIvfSegment(model, runs, { parts, writer, context });
}

async function openCompatible(
  kind: IvfKind,
  segments: readonly OpenSegment[],
  purpose: "commit" | "merge",
  signal?: AbortSignal,
): Promise<IvfHeader[]> {
  const headers = await settleAll(segments.map((segment) => openIvfHeader(kind, segment, { signal })));
  const models = headers.map(({ model }) => model);
  const rebuild = "Build them with the same parameters.";
  checkSame(
    segments,
    "metric",
    models.map(({ metric }) => metric),
    rebuild,
  );
  checkSame(
    segments,
    "dimension",
    models.map(({ type }) => type.dimension),
    rebuild,
  );
  if (purpose === "commit") return headers;
  checkSame(
    segments,
    "number of partitions",
    models.map(({ numPartitions }) => numPartitions),
    SHARE_MODEL,
  );
  const sameCentroids = models.map(({ tensor }) =>
    hasSameBytes(tensor, models[0]!.tensor) ? "the first one's" : "others",
  );
  checkSame(segments, "centroids", sameCentroids, SHARE_MODEL);
  if (models.length > 0) kind.storage.mergeModels(models.map(({ storage }) => storage));
  return headers;
}

const SHARE_MODEL =
  "A merge needs one shared model: train once and give `model` to every build, or commit the segments without merging.";

function keepRow(rows: RowSet): RowIdMap {
  return (rowIds) => {
    const kept = BigUint64Array.from(rowIds);
    const halves = halvesOf(kept);
    for (let i = 0; i < kept.length; i++) if (!rows.has(halves[2 * i + 1]!, halves[2 * i]!)) kept[i] = NO_ROW;
    return kept;
  };
}

function checkModel(kind: IvfKind, model: IvfModel, params: IvfParams, type: VectorType): void {
  if (model.type.dimension !== type.dimension) {
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `the model has vectors of ${model.type.dimension} values, the column of ${type.dimension}`,
      { expected: type.dimension, received: model.type.dimension },
    );
  }
  const expected = `${kind.indexType} of ${type.element} by ${params.metric}`;
  const isStorage = kind.storage.acceptsModel(model.storage);
  if (model.metric !== params.metric || model.type.element !== type.element || !isStorage) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `the model was trained for ${isStorage ? kind.indexType : "another index type"} of ${model.type.element} by ${model.metric}, the build asks for ${expected}`,
      { expected, received: { metric: model.metric, element: model.type.element } },
    );
  }
}
