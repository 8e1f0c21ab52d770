import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { loadBuildKernels } from "../../kernels/build.ts";
import { VectorIndexDetailsSchema } from "../../proto/gen/lance/index_pb.ts";
import { halvesOf, NO_ROW } from "../../table/row-addresses.ts";
import type { RowSet } from "../../table/row-set.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { checkSame } from "../incompatible.ts";
import type { IndexFamily, OpenSegment, RowIdMap } from "../segment.ts";
import { type IvfHeader, openIvfHeader } from "./header.ts";
import { AUXILIARY_FILE, INDEX_FILE } from "./ivf-files.ts";
import { findMetric, getMetricNumber } from "./metric.ts";
import { decodeModel, encodeModel, type IvfModel, trainIvf } from "./model.ts";
import { type IvfParams, resolveIvfParams } from "./params.ts";
import type { PartitionRun } from "./partition-run.ts";
import { openIvfFlat } from "./reader.ts";
import { createSegmentRun } from "./segment-run.ts";
import { shuffleRows } from "./shuffle.ts";
import { getDimension } from "./vectors.ts";
import { writeIvfFlat } from "./write-segment.ts";

/** IVF_FLAT: vectors by nearest centroid, kept as they are and compared one by one. */
export const ivfFlatFamily: IndexFamily = {
  queryKind: "vector",
  typeUrl: "/lance.index.pb.VectorIndexDetails",
  displayName: () => "IVF_FLAT",
  indexVersion: () => 1,
  rowIdDomain: "stableRowId",
  listFiles: () => [INDEX_FILE, AUXILIARY_FILE],

  resolveParams: (field, params, numRows) => ({ ...resolveIvfParams(field, params, numRows) }),

  encodeDetails(params) {
    const metricType = getMetricNumber((params as unknown as IvfParams).metric);
    const compression = { case: "flat", value: {} } as const;
    return toBinary(VectorIndexDetailsSchema, create(VectorIndexDetailsSchema, { metricType, compression }));
  },

  decodeDetails(bytes) {
    // Empty details are legal for any family: then the files alone say the metric.
    if (bytes.length === 0) return {};
    const details = fromBinary(VectorIndexDetailsSchema, bytes);
    const targetPartitionSize = Number(details.targetPartitionSize);
    return {
      metric: findMetric(details.metricType) ?? "hamming",
      ...(targetPartitionSize > 0 ? { targetPartitionSize } : {}),
      ...(Object.keys(details.runtimeHints).length > 0 ? { runtimeHints: details.runtimeHints } : {}),
    };
  },

  async train(source, params, context) {
    return encodeModel(await trainIvf(source, params as unknown as IvfParams, context));
  },

  async build(source, params, model, writer, context) {
    const wanted = params as unknown as IvfParams;
    const trained = model ? decodeModel(model) : await trainIvf(source, wanted, context);
    checkModel(trained, wanted, getDimension(source.field));
    const kernels = await loadBuildKernels();
    await writeIvfFlat(trained, await shuffleRows(source, trained, kernels, writer.scratch, context), writer, context);
  },

  async checkCompatible(segments, purpose) {
    await openCompatible(segments, purpose);
  },

  async merge(segments, newRows, writer, context) {
    const headers = await openCompatible(segments, "merge", context.signal);
    const first = headers[0];
    if (!first) throw new LanceError("INVALID_ARGUMENT", "nothing to merge: at least one segment is required");
    const runs: PartitionRun[] = headers.map((header, i) =>
      createSegmentRun(header, keepRow(context.keepRows[i]!), context.signal),
    );
    const model = toModel(first);
    if (newRows) {
      runs.push(...(await shuffleRows(newRows, model, await loadBuildKernels(), writer.scratch, context)));
    }
    await writeIvfFlat(model, runs, writer, context);
  },

  async remap(segment, rowIdMap, writer, context) {
    const header = await openIvfHeader(segment, { signal: context.signal });
    await writeIvfFlat(toModel(header), [createSegmentRun(header, rowIdMap, context.signal)], writer, context);
  },

  async readRecipe(segment, signal) {
    const header = await openIvfHeader(segment, { signal });
    return { params: { metric: header.metric }, model: encodeModel(toModel(header)) };
  },

  canServe: () => ({ exactness: "no", cost: 0 }),

  open: openIvfFlat,
};

async function openCompatible(
  segments: readonly OpenSegment[],
  purpose: "commit" | "merge",
  signal?: AbortSignal,
): Promise<IvfHeader[]> {
  const headers = await settleAll(segments.map((segment) => openIvfHeader(segment, { signal })));
  const rebuild = "Build them with the same parameters.";
  checkSame(
    segments,
    "metric",
    headers.map((header) => header.metric),
    rebuild,
  );
  checkSame(
    segments,
    "dimension",
    headers.map((header) => header.dimension),
    rebuild,
  );
  if (purpose === "commit") return headers;
  checkSame(
    segments,
    "number of partitions",
    headers.map((header) => header.numPartitions),
    SHARE_MODEL,
  );
  const first = headers[0];
  const sameCentroids = headers.map((header) =>
    hasSameBits(header.centroids, first!.centroids) ? "the first one's" : "others",
  );
  checkSame(segments, "centroids", sameCentroids, SHARE_MODEL);
  return headers;
}

const SHARE_MODEL =
  "A merge needs one shared model: train once and give `model` to every build, or commit the segments without merging.";

function hasSameBits(a: Float32Array, b: Float32Array): boolean {
  const left = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const right = new Uint32Array(b.buffer, b.byteOffset, b.length);
  return left.length === right.length && left.every((bits, i) => bits === right[i]);
}

function keepRow(rows: RowSet): RowIdMap {
  return (rowIds) => {
    const kept = BigUint64Array.from(rowIds);
    const halves = halvesOf(kept);
    for (let i = 0; i < kept.length; i++) if (!rows.has(halves[2 * i + 1]!, halves[2 * i]!)) kept[i] = NO_ROW;
    return kept;
  };
}

function toModel(header: IvfHeader): IvfModel {
  const { metric, dimension, numPartitions, centroids, loss } = header;
  return { metric, dimension, numPartitions, centroids, loss };
}

function checkModel(model: IvfModel, params: IvfParams, dimension: number): void {
  if (model.dimension !== dimension) {
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `the model has vectors of ${model.dimension} values, the column of ${dimension}`,
      {
        expected: dimension,
        received: model.dimension,
      },
    );
  }
  if (model.metric !== params.metric) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `the model was trained for ${model.metric}, the build asks for ${params.metric}`,
      {
        expected: model.metric,
        received: params.metric,
      },
    );
  }
}
