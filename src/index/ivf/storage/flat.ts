import { fromHalf, type QueryVector, viewValues } from "../../../kernels/element.ts";
import { createListColumn } from "./list-column.ts";
import type { GraphRows, PartitionQuery, StorageKind, StorageShape } from "./storage.ts";

/** Vectors as they are (cosine: scaled to length 1). */
export const flatStorage: StorageKind = {
  name: "FLAT",
  isExact: true,
  indexVersion: 1,
  targetPartitionSize: 4096,
  paramNames: [],
  resolveParams: () => ({}),
  encodeDetails: () => ({ case: "flat", value: {} as never }),
  countSampleRows: () => 0,
  train: async () => null,
  acceptsModel: (model) => model === null,
  readModel: async () => null,
  mergeModels: () => null,
  createRecoder: () => null,
  open({ type, metric }) {
    const { element, dimension } = type;
    // Native marks the column of bytes as one that may hold NULL, those of floats not.
    const column = createListColumn("flat", { element, width: dimension, nullable: element === "u8" });
    return {
      ...column,
      facts: { dim: dimension },
      writeMetadata: async () => JSON.stringify({ dim: dimension }),
      encode: ({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      graphRows: describeGraphRows({ type, metric }),
      prepareQuery(query) {
        const prepared = createFlatQuery({ type, metric }, query);
        return () => prepared;
      },
    };
  },
};

function createFlatQuery({ type, metric }: StorageShape, query: QueryVector): PartitionQuery {
  const { element, dimension } = type;
  // Stored vectors and the query have length 1, so 1 − cos = 1 − dot; halves are too coarse for that.
  const compared = metric === "cosine" && element !== "f16" ? "dot" : metric;
  return {
    scan(topK, { values, rowIds, numRows }, limits) {
      topK.scanFlat({ metric: compared, element, query, dimension, vectors: values, rowIds, numRows, ...limits });
    },
    searchGraph: (topK, { values, rowIds, numRows }, search) =>
      topK.searchFlat({ metric: compared, element, query, dimension, vectors: values, rowIds, numRows, ...search }),
    hasTies: element === "u8",
  };
}

/** Bits as they are; floats as 32-bit ones, under cosine of unit length, which dot compares. */
function describeGraphRows({ type, metric }: StorageShape): GraphRows {
  const { element, dimension } = type;
  if (element === "u8") return { space: { kind: "bits", width: dimension }, convert: (values) => values };
  return {
    space: { kind: metric === "l2" ? "floatL2" : "floatDot", width: dimension },
    convert(bytes) {
      if (element === "f32") return bytes;
      const values = viewValues(element, bytes);
      const floats = element === "f16" ? Float32Array.from(values, fromHalf) : Float32Array.from(values);
      return new Uint8Array(floats.buffer);
    },
  };
}
