import { LanceError } from "../../../errors.ts";
import { fromHalf, toHalf } from "../../../kernels/element.ts";
import { checkCodebookLength, countCodeBytes, type ProductCodebook } from "../../../kernels/product-codes.ts";
import { hasSameBytes } from "../../../same-bytes.ts";
import { readIntegerParam } from "../../params.ts";
import { createListColumn } from "./list-column.ts";
import { countTrainingRows, decodeRows, encodeRows, takesResiduals, trainCodebook } from "./pq-coding.ts";
import { readProductModel, writeProductMetadata } from "./pq-metadata.ts";
import {
  decodeCodebook,
  encodeCodebook,
  findProductModel,
  getProductModel,
  isDivided,
  type ProductModel,
  toStorageModel,
} from "./pq-model.ts";
import type { PartitionQuery, StorageKind } from "./storage.ts";

const PARAMS = ["numSubVectors", "numBits", "pqCodebook"] as const;

/**
 * Product quantization (Jégou, Douze and Schmid 2011): a vector is cut up, and of each part the number of the nearest of
 * 256 or 16 codewords is kept.
 */
export const productStorage: StorageKind = {
  name: "PQ",
  isExact: false,
  indexVersion: 1,
  targetPartitionSize: 8192,
  paramNames: PARAMS,

  resolveParams(params, { type: { element, dimension } }) {
    if (element === "u8") {
      throw new LanceError("INVALID_ARGUMENT", "product codes need a column of floats: bytes take hamming", {
        received: "uint8",
      });
    }
    const numBits = readIntegerParam(params, "numBits", { min: 4, max: 8, fallback: 8 });
    if (numBits !== 4 && numBits !== 8) {
      throw new LanceError("INVALID_ARGUMENT", `numBits: product codes have 4 or 8 bits; received ${numBits}`, {
        parameter: "numBits",
        expected: [4, 8],
        received: numBits,
      });
    }
    const fallback = suggestSubVectors(dimension, numBits);
    const numSubVectors = readIntegerParam(params, "numSubVectors", { min: 1, max: dimension, fallback });
    if (!isDivided({ dimension, numSubVectors, numBits })) throw refuseSubVectors(dimension, numSubVectors, numBits);
    return { numSubVectors, numBits };
  },

  encodeDetails: ({ numBits, numSubVectors }) => ({ case: "pq", value: { numBits, numSubVectors } as never }),

  countSampleRows: ({ numBits }) => countTrainingRows(numBits as number),

  async train(vectors, params, { shape, context }) {
    const { type } = shape;
    const { numBits, numSubVectors, seed, maxIterations, pqCodebook } = params as {
      numBits: 4 | 8;
      numSubVectors: number;
      seed: number;
      maxIterations: number;
      pqCodebook?: Float32Array;
    };
    const coding = { dimension: type.dimension, numBits, numSubVectors };
    if (pqCodebook) checkCodebookLength(pqCodebook, coding);
    const values = pqCodebook ?? (await trainCodebook(vectors, { ...coding, seed, maxIterations }, { shape, context }));
    return toStorageModel({ numBits, numSubVectors, codebook: encodeCodebook(values, type), transposed: false });
  },

  acceptsModel: (model) => findProductModel(model) !== undefined,

  readModel: async (file, { type }, signal) => toStorageModel(await readProductModel(file, type, signal)),

  mergeModels(models) {
    const [first, ...others] = models.map((model) => findProductModel(model)!);
    const different = others.findIndex((other) => !isSameCodebook(first!, other));
    if (different >= 0) {
      throw new LanceError(
        "SEGMENT_INCOMPATIBLE",
        `segments differ in their codebook: the first and segment ${different + 2} of ${models.length} have product codes of their own. A merge needs one shared model: train once and give \`model\` to every build, or commit the segments without merging, or retrain.`,
        { what: "codebook", segment: different + 1 },
      );
    }
    return toStorageModel({ ...first!, transposed: false });
  },

  // What merges has one codebook.
  createRecoder: () => null,

  open(shape, storage) {
    const { type } = shape;
    const model = getProductModel(storage, type);
    const { numSubVectors, numBits, transposed } = model;
    const { dimension } = type;
    const values = decodeCodebook(model.codebook, type);
    const coding = { dimension, numSubVectors, numBits };
    const codebook: ProductCodebook = { ...coding, metric: takesResiduals(shape) ? "l2" : "dot", values };
    const rowBytes = countCodeBytes(coding);
    return {
      ...createListColumn("__pq_code", { element: "u8", width: rowBytes, nullable: true }),
      facts: { nbits: numBits, num_sub_vectors: numSubVectors, dimension, transposed },
      writeMetadata: (addBuffer) => writeProductMetadata(model, type, addBuffer),
      encode: ({ vectors }, partitions, signal) =>
        encodeRows({ vectors, partitions }, { ...coding, codebook: values }, { shape, signal }),
      graphRows: {
        space: { kind: takesResiduals(shape) ? "floatL2" : "floatDot", width: dimension },
        convert: (codes, partition) =>
          new Uint8Array(decodeRows(codes, partition, { ...coding, codebook: values, shape }).buffer),
      },
      ...(transposed ? { restoreRows: (codes, numRows) => turnRows(codes, numRows, rowBytes) } : {}),
      prepareQuery(query) {
        const whole = Float32Array.from(query);
        if (!takesResiduals(shape)) {
          const prepared = createProductQuery(codebook, whole);
          return () => prepared;
        }
        const { centroids } = shape;
        return (partition) => {
          const start = partition * dimension;
          const residual = new Float32Array(dimension);
          for (let i = 0; i < dimension; i++) residual[i] = whole[i]! - centroids[start + i]!;
          // Native subtracts in the column's own type, and its distances are of what is left.
          if (type.element === "f16") for (let i = 0; i < dimension; i++) residual[i] = fromHalf(toHalf(residual[i]!));
          return createProductQuery(codebook, residual);
        };
      },
    };
  },
};

function createProductQuery(codebook: ProductCodebook, query: Float32Array): PartitionQuery {
  return {
    scan(topK, { values: codes, rowIds, numRows }, limits) {
      topK.scanProductCodes({ codebook, query, codes, rowIds, numRows, ...limits });
    },
    searchGraph: (topK, { values: codes, rowIds, numRows }, search) =>
      topK.searchProductCodes({ codebook, query, codes, rowIds, numRows, ...search }),
  };
}

/**
 * Parts of 16 values, else of 8, as LanceDB has it; where neither divides the dimension, of the length nearest to 8 that
 * does (there LanceDB makes one part of the whole, whose 256 codewords tell little).
 */
function suggestSubVectors(dimension: number, numBits: 4 | 8): number {
  const lengths = [16, 8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 4, 3, 2, 1];
  const width = lengths.find((length) => isDivided({ dimension, numSubVectors: dimension / length, numBits }));
  return width === undefined ? 1 : dimension / width;
}

function refuseSubVectors(dimension: number, numSubVectors: number, numBits: 4 | 8): LanceError {
  const fitting = Array.from({ length: dimension }, (_, i) => i + 1).filter((count) =>
    isDivided({ dimension, numSubVectors: count, numBits }),
  );
  const rule =
    numBits === 4 ? `an even divisor of the dimension ${dimension}` : `a divisor of the dimension ${dimension}`;
  const advice = fitting.length > 0 ? `: ${fitting.slice(-12).join(", ")}` : "; there is none: give numBits 8";
  return new LanceError("INVALID_ARGUMENT", `numSubVectors: expected ${rule}${advice}; received ${numSubVectors}`, {
    parameter: "numSubVectors",
    expected: fitting,
    received: numSubVectors,
  });
}

function isSameCodebook(a: ProductModel, b: ProductModel): boolean {
  const isSameShape = a.numBits === b.numBits && a.numSubVectors === b.numSubVectors;
  return isSameShape && hasSameBytes(a.codebook, b.codebook);
}

/** Byte j of row i from place j × n + i to i × rowBytes + j. */
function turnRows(codes: Uint8Array, numRows: number, rowBytes: number): Uint8Array {
  const rows = new Uint8Array(codes.length);
  for (let j = 0, from = 0; j < rowBytes; j++) {
    for (let at = j; at < numRows * rowBytes; at += rowBytes) rows[at] = codes[from++]!;
  }
  return rows;
}
