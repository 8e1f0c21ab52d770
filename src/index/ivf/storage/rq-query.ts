import { getCoreKernels } from "../../../kernels/core.ts";
import type { RabitLayout } from "../../../kernels/rabit-layout.ts";
import type { RabitEstimate } from "../../../kernels/rabit-scan.ts";
import type { ApproxMode } from "../../segment.ts";
import type { RabitModel } from "./rq-model.ts";
import type { PartitionQuery, PlacedShape, RowStorage } from "./storage.ts";

/** Estimates the distances of one query, partition by partition. */
export function prepareRabitScan(
  model: RabitModel,
  values: Float32Array,
  options: { readonly shape: PlacedShape; readonly layout: RabitLayout; readonly approxMode?: ApproxMode | undefined },
): ReturnType<RowStorage["prepareQuery"]> {
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
  if (isDot) return (partition) => ask(query, estimateDot(values, getCentroid(partition)));
  return (_partition, distance) => ask(query, { ...PLAIN, constant: distance, errorBy: Math.sqrt(distance) });
}

/** ‖q − v‖² = ‖q − c‖² + what the row holds (index page, section 4). */
const PLAIN: RabitEstimate = { scaleBy: 1, addBy: 1, addFrom: 0, constant: 0, errorBy: 0 };

/** The row's share of c·(r − r̂) counts by as much as q points where c does. */
function estimateDot(q: Float32Array, c: Float32Array): RabitEstimate {
  const product = multiply(q, c);
  const share = Math.fround(product / multiply(c, c));
  const addBy = Number.isFinite(share) ? share : 0;
  const rest = measureSquare(q, c, addBy);
  return { scaleBy: 1, addBy, addFrom: 1, constant: 1 - product, errorBy: Math.sqrt(rest) };
}

/** ‖a − by × b‖². In four sums: one alone waits for each addition. */
function measureSquare(a: Float32Array, b: Float32Array, by: number): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < a.length; i += 4) {
    const [d, e] = [a[i]! - by * b[i]!, a[i + 1]! - by * b[i + 1]!];
    const [f, g] = [a[i + 2]! - by * b[i + 2]!, a[i + 3]! - by * b[i + 3]!];
    s += d * d;
    t += e * e;
    u += f * f;
    v += g * g;
  }
  for (; i < a.length; i++) s += (a[i]! - by * b[i]!) ** 2;
  return s + t + u + v;
}

function multiply(a: Float32Array, b: Float32Array): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < a.length; i += 4) {
    s += a[i]! * b[i]!;
    t += a[i + 1]! * b[i + 1]!;
    u += a[i + 2]! * b[i + 2]!;
    v += a[i + 3]! * b[i + 3]!;
  }
  for (; i < a.length; i++) s += a[i]! * b[i]!;
  return s + t + u + v;
}
