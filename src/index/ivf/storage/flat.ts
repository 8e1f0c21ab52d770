import type { QueryVector } from "../../../kernels/element.ts";
import { createListColumn } from "./list-column.ts";
import type { PartitionQuery, StorageKind, StorageShape } from "./storage.ts";

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
  };
}
