import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import type { LanceFile } from "../../src/format/read/file.ts";
import { productStorage } from "../../src/index/ivf/storage/pq.ts";
import { encodeCodebook, toStorageModel } from "../../src/index/ivf/storage/pq-model.ts";
import type { PlacedShape, RowStorage } from "../../src/index/ivf/storage/storage.ts";
import type { VectorElement } from "../../src/kernels/element.ts";
import { TensorSchema } from "../../src/proto/gen/lance/index_pb.ts";
import { referenceCodes, referenceDecode } from "../kernels/reference/product.ts";
import { createRandom } from "../kernels/support.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { expectError } from "./support.ts";

useTestRuntime();

const DIMENSION = 12;
const random = createRandom(3);
const makeValues = (count: number) => Float32Array.from({ length: count }, () => Math.fround(random() * 4 - 2));
const codebooks = { 4: makeValues(16 * DIMENSION), 8: makeValues(256 * DIMENSION) } as const;

function makeShape(element: VectorElement = "f32", metric: "l2" | "dot" = "l2"): PlacedShape {
  return { type: { element, dimension: DIMENSION }, metric, centroids: makeValues(3 * DIMENSION) };
}

const TYPES = { f16: 1, f32: 2, f64: 3, u8: 4 } as const;

function makeTensor(values: Float32Array, element: VectorElement, more: object = {}): Uint8Array {
  const data =
    element === "u8" ? new Uint8Array(values.length) : encodeCodebook(values, { element, dimension: DIMENSION });
  const shape = [values.length / DIMENSION, DIMENSION];
  return toBinary(TensorSchema, create(TensorSchema, { dataType: TYPES[element], shape, data, ...more }));
}

/** The vectors that rows of a partition stand for, as a graph over them is built. */
function decode(storage: RowStorage, codes: Uint8Array, partition: number): Float32Array {
  return new Float32Array(storage.graphRows!.convert!(codes, partition).buffer);
}

const METADATA = {
  codebook_position: 1,
  nbits: 8,
  num_sub_vectors: 4,
  dimension: DIMENSION,
  codebook_tensor: [],
  transposed: true,
};

/** The parts of a storage file that say how its rows are coded. */
function makeFile(metadata: unknown, buffer: Uint8Array = makeTensor(codebooks[8], "f32")): LanceFile {
  const text = typeof metadata === "string" ? metadata : JSON.stringify([JSON.stringify(metadata)]);
  const file = {
    path: "_indices/x/auxiliary.idx",
    metadata: { storage_metadata: text },
    numGlobalBuffers: 2,
    readGlobalBuffer: async () => buffer,
  };
  return file as unknown as LanceFile;
}

const read = (file: LanceFile, shape = makeShape()) => productStorage.readModel(file, shape);

describe("a codebook is read", () => {
  test("from a global buffer, and in old files from the metadata", async () => {
    const model = await read(makeFile(METADATA));
    const inline = { ...METADATA, codebook_position: 0, codebook_tensor: [...makeTensor(codebooks[8], "f32")] };
    expect(await read(makeFile(inline, new Uint8Array(0)))).toEqual(model);
    expect(productStorage.open(makeShape(), model).facts).toEqual({
      nbits: 8,
      num_sub_vectors: 4,
      dimension: DIMENSION,
      transposed: true,
    });
  });

  test.each(["f16", "f32", "f64"] as const)("whichever floats it is of, for a column of %s", async (element) => {
    const shape = makeShape(element);
    for (const stored of ["f16", "f32", "f64"] as const) {
      const model = await read(makeFile(METADATA, makeTensor(codebooks[8], stored)), shape);
      const storage = productStorage.open(shape, model);
      const vectors = decode(storage, Uint8Array.from([1, 2, 3, 255]), 1);
      const expected = referenceDecode([1, 2, 3, 255], codebooks[8], {
        dimension: DIMENSION,
        numSubVectors: 4,
        numBits: 8,
      });
      vectors.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]! + shape.centroids[DIMENSION + i]!, 2);
      });
    }
  });

  test("and written back in the column's own, row by row", async () => {
    for (const element of ["f16", "f32", "f64"] as const) {
      const shape = makeShape(element);
      const model = await read(makeFile(METADATA, makeTensor(codebooks[8], element)), shape);
      const buffers: Uint8Array[] = [];
      const metadata = await productStorage.open(shape, model).writeMetadata(async (bytes) => buffers.push(bytes));
      expect(JSON.parse(metadata)).toEqual({ ...METADATA, transposed: false });
      expect(buffers).toEqual([makeTensor(codebooks[8], element)]);
      expect(await read(makeFile(JSON.parse(metadata), buffers[0]), shape)).toEqual(
        productStorage.mergeModels([model]),
      );
    }
  });
});

const wrong = (more: object) => [{ ...METADATA, ...more }, undefined] as const;
const tensor = (bytes: Uint8Array) => [METADATA, bytes] as const;

test.each<[string, readonly [metadata: unknown, tensor: Uint8Array | undefined], string]>([
  ["no metadata", ["[]", undefined], "UNSUPPORTED"],
  ["metadata that is no JSON", ["{", undefined], "CORRUPT"],
  ["codes of 5 bits", wrong({ nbits: 5 }), "UNSUPPORTED"],
  ["codes of many bits", wrong({ nbits: 1e9 }), "UNSUPPORTED"],
  ["no sub-vectors", wrong({ num_sub_vectors: 0 }), "CORRUPT"],
  ["sub-vectors that do not divide", wrong({ num_sub_vectors: 5 }), "CORRUPT"],
  ["more sub-vectors than values", wrong({ num_sub_vectors: 24 }), "CORRUPT"],
  ["half a sub-vector", wrong({ num_sub_vectors: 1.5 }), "CORRUPT"],
  ["sub-vectors below zero", wrong({ num_sub_vectors: -4 }), "CORRUPT"],
  ["an odd number of 4-bit codes", wrong({ nbits: 4, num_sub_vectors: 3 }), "CORRUPT"],
  ["another dimension", wrong({ dimension: 24 }), "CORRUPT"],
  ["a dimension beyond memory", wrong({ dimension: 2 ** 40 }), "CORRUPT"],
  ["transposed that is no truth", wrong({ transposed: "yes" }), "CORRUPT"],
  ["a buffer that is not there", wrong({ codebook_position: 7 }), "CORRUPT"],
  ["half a buffer", wrong({ codebook_position: 0.5 }), "CORRUPT"],
  ["no codebook", wrong({ codebook_position: 0 }), "CORRUPT"],
  ["a codebook of words", wrong({ codebook_position: 0, codebook_tensor: ["a"] }), "CORRUPT"],
  ["a codebook that does not parse", tensor(Uint8Array.of(0xff, 0xff, 0xff)), "CORRUPT"],
  ["a codebook of bytes", tensor(makeTensor(codebooks[8], "u8")), "CORRUPT"],
  ["a codebook of 4 bits", tensor(makeTensor(codebooks[4], "f32")), "CORRUPT"],
  ["a shape that overflows", tensor(makeTensor(codebooks[8], "f32", { shape: [65536, 65536, 65536] })), "CORRUPT"],
  ["a codebook cut short", tensor(makeTensor(codebooks[8], "f32", { data: new Uint8Array(4) })), "CORRUPT"],
])("%s is refused", async (_title, [metadata, buffer], code) => {
  await expectError(read(makeFile(metadata, buffer)), code as never);
});

test("models that say what they do not hold are refused", () => {
  const shape = makeShape();
  const model = { kind: "PQ", numSubVectors: 4, numBits: 8, codebook: "AAAA" };
  const bad = [
    null,
    { kind: "SQ" },
    model,
    { ...model, numSubVectors: 5 },
    { ...model, numBits: 6 },
    { ...model, codebook: 1 },
  ];
  for (const storage of bad) {
    expect(() => productStorage.open(shape, storage)).toThrowError(expect.objectContaining({ code: "CORRUPT" }));
  }
  expect(productStorage.acceptsModel({ kind: "SQ" })).toBe(false);
});

describe.each([4, 8] as const)("codes of %i bits", (numBits) => {
  const coding = { dimension: DIMENSION, numSubVectors: 4, numBits };
  const rowBytes = (4 * numBits) / 8;
  const open = (shape: PlacedShape, transposed = false) => {
    const codebook = encodeCodebook(codebooks[numBits], shape.type);
    return productStorage.open(shape, toStorageModel({ numSubVectors: 4, numBits, codebook, transposed }));
  };

  test("of vectors that are a centroid and codewords are those codewords, and decode to them", async () => {
    for (const metric of ["l2", "dot"] as const) {
      const shape = makeShape("f32", metric);
      const storage = open(shape);
      const codes = Uint8Array.from({ length: 50 * rowBytes }, () => random() * 256);
      const partition = 2;
      const vectors = decode(storage, codes, partition);
      for (let row = 0; row < 50; row++) {
        const decoded = referenceDecode(referenceCodes(codes, row, coding), codebooks[numBits], coding);
        decoded.forEach((value, i) => {
          const centre = metric === "l2" ? shape.centroids[partition * DIMENSION + i]! : 0;
          expect(vectors[row * DIMENSION + i]).toBeCloseTo(value + centre, 5);
        });
      }
      const rows = { vectors, values: vectors, rowIds: new BigUint64Array(50) };
      expect(await storage.encode(rows, new Uint32Array(50).fill(partition))).toEqual(codes);
    }
  });

  test("that a file holds column by column become rows", () => {
    const shape = makeShape();
    const rows = Uint8Array.from({ length: 7 * rowBytes }, (_, i) => i);
    const columns = rows.map((_, i) => rows[(i % 7) * rowBytes + Math.floor(i / 7)]!);
    expect(open(shape, true).restoreRows!(columns, 7)).toEqual(rows);
    expect(open(shape).restoreRows).toBeUndefined();
  });
});
