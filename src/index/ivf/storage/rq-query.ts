import { getCoreKernels } from "../../../kernels/core.ts";
import type { RabitLayout } from "../../../kernels/rabit-layout.ts";
import type { RabitEstimate } from "../../../kernels/rabit-scan.ts";
import type { ApproxMode } from "../../segment.ts";
import type { RabitModel } from "./rq-model.ts";
import type { PartitionQuery, PlacedShape } from "./storage.ts";

/** Estimates the distances of one query, partition by partition. */
export function prepareRabitScan(
  model: RabitModel,
  values: Float32Array,
  options: { readonly shape: PlacedShape; readonly layout: RabitLayout; readonly approxMode?: ApproxMode | undefined },
): (partition: number) => PartitionQuery {
  const { shape, layout, approxMode } = options;
  const { metric, centroids } = shape;
  const { dimension } = layout;
  const core = getCoreKernels();
  const isDot = metric === "dot";
  const prepare = (vector: Float32Array) => core.prepareRabitQuery(vector, model.rotation);
  const ask = (query: Uint8Array, estimate: RabitEstimate): PartitionQuery => ({
    scan(topK, { values: rows, rowIds, numRows }, limits) {
      topK.scanRabit({ layout, mode: approxMode, query, estimate, rows, rowIds, numRows, ...limits });
    },
  });
  const getCentroid = (partition: number) => centroids.subarray(partition * dimension, (partition + 1) * dimension);
  if (model.estimator === "residual_query") {
    return (partition) => {
      const centroid = getCentroid(partition);
      const residual = values.map((value, i) => value - centroid[i]!);
      const constant = isDot ? -multiply(values, centroid) : multiply(residual, residual);
      return ask(prepare(residual), { ...PLAIN, scaleBy: 2 / Math.sqrt(dimension), constant });
    };
  }
  // The same for all partitions.
  const query = prepare(values);
  const estimateAt = isDot ? estimateDot : estimateL2;
  return (partition) => ask(query, estimateAt(values, getCentroid(partition)));
}

const PLAIN: RabitEstimate = { scaleBy: 1, addBy: 1, addFrom: 0, constant: 0, errorBy: 0 };

/** ‖q − v‖² = ‖q − c‖² + what the row holds (index page, section 4). */
function estimateL2(q: Float32Array, c: Float32Array): RabitEstimate {
  let constant = 0;
  for (let i = 0; i < q.length; i++) constant += (q[i]! - c[i]!) ** 2;
  return { ...PLAIN, constant, errorBy: Math.sqrt(constant) };
}

/** The row's share of c·(r − r̂) counts by as much as q points where c does. */
function estimateDot(q: Float32Array, c: Float32Array): RabitEstimate {
  const product = multiply(q, c);
  const share = Math.fround(product / multiply(c, c));
  const addBy = Number.isFinite(share) ? share : 0;
  let rest = 0;
  for (let i = 0; i < q.length; i++) rest += (q[i]! - addBy * c[i]!) ** 2;
  return { scaleBy: 1, addBy, addFrom: 1, constant: 1 - product, errorBy: Math.sqrt(rest) };
}

function multiply(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
