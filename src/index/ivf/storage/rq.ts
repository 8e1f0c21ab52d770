import { LanceError } from "../../../errors.ts";
import { getCoreKernels } from "../../../kernels/core.ts";
import { measureRabitRow, type RabitLayout, type RabitRotation } from "../../../kernels/rabit-layout.ts";
import { RABIT_BLOCK_ROWS } from "../../../kernels/rabit-scan.ts";
import { createGiveWay } from "../../../tasks/give-way.ts";
import { createRowColumns, type RowColumn } from "./row-columns.ts";
import { createRabitRowEncoder } from "./rq-encode.ts";
import { encodeRabitModel, findRabitModel, getRabitModel, readRabitModel, writeRabitMetadata } from "./rq-model.ts";
import { unpackCodes } from "./rq-packed.ts";
import { getRotationNumber, parseSharedModel, type RabitParams, resolveRabitParams } from "./rq-params.ts";
import { prepareRabitScan } from "./rq-query.ts";
import { createRotation } from "./rq-rotation.ts";
import { blockSequentialCodes } from "./rq-sequential.ts";
import type { StorageKind } from "./storage.ts";

/**
 * RaBitQ (Gao and Long 2024): the signs of a randomly rotated residual, and up to eight bits more a value. Nothing is
 * learned: a rotation follows from the seed. Modes of queries mean what they mean natively: `accurate` follows the
 * formula; `normal` has the small errors of tables in bytes (none for the last rows of a partition, fewer than 32);
 * `fast` looks at the signs alone.
 */
export const rabitStorage: StorageKind = {
  name: "RQ",
  isExact: false,
  indexVersion: 2,
  targetPartitionSize: 4096,
  paramNames: ["numBits", "rotationType", "rabitqModel"],

  resolveParams: (params, { type }) => ({ ...resolveRabitParams(params, type) }),

  encodeDetails: ({ numBits, rotationType }) => ({
    case: "rq",
    value: { numBits, rotationType: getRotationNumber(rotationType) } as never,
  }),

  countSampleRows: () => 0,

  async train(_vectors, params, { shape, context }) {
    const { numBits, rotationType, rabitqModel, seed } = params as unknown as RabitParams & { readonly seed: number };
    const giveWay = createGiveWay(context.signal);
    const rotation: RabitRotation =
      rabitqModel === undefined
        ? await createRotation(rotationType, { ...shape.type, seed, giveWay })
        : { kind: "fast", signs: parseSharedModel(rabitqModel, shape.type.dimension).signs };
    return encodeRabitModel({ numBits, rotation, estimator: "raw_query", hasErrors: true, isPacked: false });
  },

  acceptsModel: (model) => findRabitModel(model) !== undefined,

  async readModel(file, { type }, signal) {
    return encodeRabitModel(await readRabitModel(file, type, signal));
  },

  mergeModels(models) {
    // How a file packs its codes is no part of what they mean.
    const [first, ...others] = models.map((model) => JSON.stringify({ ...model, isPacked: false }));
    if (others.every((other) => other === first)) return { ...models[0], isPacked: false };
    throw new LanceError(
      "SEGMENT_INCOMPATIBLE",
      "segments differ in their bits or their rotation: a merge needs one shared model. Train once and give `model` to every build, or commit the segments without merging.",
      { what: "rotation" },
    );
  },

  createRecoder: () => null,

  open(shape, stored) {
    const { type } = shape;
    const { dimension } = type;
    const model = getRabitModel(stored, dimension);
    const { numBits, hasErrors, rotation, isPacked } = model;
    const layout: RabitLayout = { dimension, numBits, hasErrors };
    const encodeRows = createRabitRowEncoder(model, shape);
    return {
      ...createRowColumns(listColumns(layout)),
      blockRows: RABIT_BLOCK_ROWS,
      facts: {
        fast_rotation_signs: rotation.kind === "fast" ? [...rotation.signs] : null,
        rotation_type: rotation.kind,
        code_dim: dimension,
        num_bits: numBits,
        packed: isPacked,
        query_estimator: model.estimator,
      },
      writeMetadata: (addBuffer) => writeRabitMetadata(model, type, addBuffer),
      encode: ({ vectors }, partitions, signal) => encodeRows(vectors, partitions, signal),
      ...(isPacked
        ? {
            restoreRows(values: Uint8Array, numRows: number) {
              unpackCodes(values, numRows, measureRabitRow(layout));
              return values;
            },
          }
        : {}),
      arrange(values, range) {
        getCoreKernels().arrangeRabitRows(values, layout, range);
      },
      prepareQuery: (query, options) =>
        prepareRabitScan(model, Float32Array.from(query), { shape, layout, approxMode: options?.approxMode }),
    };
  },
};

/** In the order of native's files, which is that of the rows of the kernels too. */
function listColumns(layout: RabitLayout): RowColumn[] {
  const { dimension } = layout;
  const bits = layout.numBits - 1;
  const { codeBytes, exBytes } = measureRabitRow(layout);
  const factor = (name: string): RowColumn => ({ name, kind: "f32" });
  return [
    { name: "_rabit_codes", kind: "bytes", width: codeBytes },
    factor("__add_factors"),
    factor("__scale_factors"),
    ...(layout.hasErrors ? [factor("__error_factors")] : []),
    ...(layout.numBits > 1
      ? ([
          {
            name: "__blocked_ex_codes",
            kind: "bytes",
            width: exBytes,
            older: {
              name: "__ex_codes",
              width: Math.ceil((dimension * bits) / 8),
              convert: (codes: Uint8Array, numRows: number) =>
                blockSequentialCodes(codes, numRows, { dimension, bits }),
            },
          },
          factor("__add_factors_ex"),
          factor("__scale_factors_ex"),
        ] as const)
      : []),
  ];
}
