import { LanceError } from "../../../errors.ts";
import type { QueryVector } from "../../../kernels/element.ts";
import type { GraphSpace } from "../../../kernels/graph-build.ts";
import { createGiveWay } from "../../../tasks/give-way.ts";
import { readIntegerParam } from "../../params.ts";
import { STORAGE_KEY } from "../ivf-files.ts";
import { createListColumn } from "./list-column.ts";
import type { PartitionQuery, StorageKind, StorageModel, StorageShape } from "./storage.ts";
import { readStorageMetadata } from "./storage-metadata.ts";

/** Values from `start` to `end` become codes from 0 to 255; those outside, the nearest of the two. */
interface Bounds {
  readonly start: number;
  readonly end: number;
}

const NUM_BITS = 8;
const MAX_CODE = 255;
/** Native's sample (index page, section 4): 256 rows per code. */
const SAMPLE_ROWS = 256 * 256;
/** Values looked at between two turns of the event loop: some 2 ms. */
const CALL_VALUES = 2 ** 20;

/** Scalar quantization: each value as one byte, between bounds that all vectors of a segment share. */
export const scalarStorage: StorageKind = {
  name: "SQ",
  isExact: false,
  indexVersion: 1,
  targetPartitionSize: 8192,
  paramNames: ["numBits"],

  resolveParams(params, { type }) {
    if (type.element === "u8") {
      throw new LanceError("INVALID_ARGUMENT", "IVF_SQ needs a column of floats: bytes take IVF_FLAT with hamming", {
        received: "uint8",
      });
    }
    return { numBits: readIntegerParam(params, "numBits", { min: NUM_BITS, max: NUM_BITS, fallback: NUM_BITS }) };
  },

  encodeDetails: () => ({ case: "sq", value: { numBits: NUM_BITS } as never }),

  countSampleRows: () => SAMPLE_ROWS,

  async train(vectors, _params, { context }) {
    const giveWay = createGiveWay(context.signal);
    let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let from = 0; from < vectors.length; from += CALL_VALUES) {
      const to = Math.min(vectors.length, from + CALL_VALUES);
      for (let i = from; i < to; i++) {
        const value = vectors[i]!;
        if (value < start) start = value;
        if (value > end) end = value;
      }
      await giveWay();
    }
    return toModel(vectors.length === 0 ? { start: 0, end: 0 } : { start, end });
  },

  acceptsModel: (model) => findBounds(model) !== undefined,

  async readModel(file, { type }) {
    // Codes are bytes whatever bits are told: native does not look at them.
    const { dim, bounds } = readStorageMetadata(file);
    const model = toModel(bounds as Bounds);
    if (dim === type.dimension && findBounds(model)) return model;
    throw new LanceError(
      "CORRUPT",
      `${file.path}: expected bounds of vectors of ${type.dimension} values, received ${file.metadata[STORAGE_KEY]}`,
      { path: file.path },
    );
  },

  // Native 14.0.2 keeps the first segment's bounds and copies the others' codes, which then mean other values.
  mergeModels(models) {
    const bounds = models.map(getBounds).filter(({ start, end }) => start < end);
    if (bounds.length === 0) return models[0]!;
    return toModel({
      start: Math.min(...bounds.map(({ start }) => start)),
      end: Math.max(...bounds.map(({ end }) => end)),
    });
  },

  createRecoder(from, to) {
    const [old, next] = [getBounds(from), getBounds(to)];
    if (old.start === next.start && old.end === next.end) return null;
    // A code stands for the values from its own to the next one; their middle is the least wrong.
    const step = (old.end - old.start) / MAX_CODE;
    const table = Uint8Array.from({ length: MAX_CODE + 1 }, (_, code) =>
      encodeValue(Math.min(old.end, old.start + (code + 0.5) * step), next),
    );
    return (codes) => codes.map((code) => table[code]!);
  },

  open({ type, metric }, model) {
    const bounds = getBounds(model);
    const { dimension } = type;
    const column = createListColumn("__sq_code", { element: "u8", width: dimension, nullable: true });
    const facts = { dim: dimension, num_bits: NUM_BITS, bounds };
    return {
      ...column,
      facts,
      writeMetadata: async () => JSON.stringify(facts),
      encode: ({ vectors }) => encodeValues(vectors, bounds),
      graphRows: { space: describeSpace({ type, metric }, bounds), convert: (codes) => codes },
      prepareQuery(query) {
        const prepared = createScalarQuery({ type, metric }, bounds, query);
        return () => prepared;
      },
    };
  },
};

function createScalarQuery({ type, metric }: StorageShape, bounds: Bounds, query: QueryVector): PartitionQuery {
  const { dimension } = type;
  const step = (bounds.end - bounds.start) / MAX_CODE;
  const values = Float32Array.from(query);
  // Under cosine codes are of unit vectors, and the distance is their squared l2 (index page, section 4).
  const compared =
    metric === "dot"
      ? { query: values, scale: step, offset: 1 - bounds.start * values.reduce((sum, value) => sum + value, 0) }
      : { query: encodeValues(values, bounds), scale: step * step, offset: 0 };
  return {
    scan(topK, { values: codes, rowIds, numRows }, limits) {
      topK.scanScalarCodes({ ...compared, dimension, codes, rowIds, numRows, ...limits });
    },
    searchGraph: (topK, { values: codes, rowIds, numRows }, search) =>
      topK.searchScalarCodes({ ...compared, dimension, codes, rowIds, numRows, ...search }),
  };
}

function describeSpace({ type, metric }: StorageShape, { start, end }: Bounds): GraphSpace {
  const [width, step] = [type.dimension, (end - start) / MAX_CODE];
  if (metric === "dot") return { kind: "codeDot", width, scale: step, offset: start };
  return { kind: "codeL2", width, scale: step * step };
}

function encodeValues(values: Float32Array, bounds: Bounds): Uint8Array {
  const codes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) codes[i] = encodeValue(values[i]!, bounds);
  return codes;
}

/** Cut off, not rounded, as native does, so that the codes of both are the same. */
function encodeValue(value: number, { start, end }: Bounds): number {
  if (start === end) return 0;
  return Math.max(0, Math.min(MAX_CODE, Math.trunc(((value - start) * MAX_CODE) / (end - start))));
}

function toModel(bounds: Bounds): StorageModel {
  return { kind: "SQ", start: bounds?.start, end: bounds?.end };
}

function findBounds(model: StorageModel): Bounds | undefined {
  const { kind, start, end } = model ?? {};
  if (kind !== "SQ" || typeof start !== "number" || typeof end !== "number") return undefined;
  return Number.isFinite(start) && Number.isFinite(end) && start <= end ? { start, end } : undefined;
}

function getBounds(model: StorageModel): Bounds {
  const bounds = findBounds(model);
  if (!bounds) throw new LanceError("CORRUPT", "a scalar quantizer without bounds", { received: model });
  return bounds;
}
