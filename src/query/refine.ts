import type { NearestRows } from "../index/search.ts";
import { boundDistances, findVectors } from "../index/vector-rule.ts";
import { loadCoreKernels } from "../kernels/core.ts";
import { elementBytes, type QueryVector, type VectorValues, viewValues } from "../kernels/element.ts";
import { takeAddresses } from "../table/rows/take.ts";
import { takeFixedRows } from "../table/rows/take-fixed.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import type { NearestPlan } from "./nearest-plan.ts";
import type { QueryContext } from "./query-context.ts";
import { readVectors } from "./vector-scan.ts";

type VectorColumn = Pick<NearestPlan, "field" | "type">;

/** Of the memory budget, what may be kept of vectors that were measured. */
const KEPT_SHARE = 0.25;

/** Rows measured at once: a few milliseconds of work, a few MB. */
const SLICE_ROWS = 4096;

/**
 * The same rows with distances to their stored vectors, in the same order, those out of range left out. A distance has
 * the bits a flat search gives it.
 */
export async function measureRows(
  context: QueryContext,
  plan: VectorColumn & Pick<NearestPlan, "metric" | "distanceRange">,
  { q, rows }: { readonly q: QueryVector; readonly rows: NearestRows },
): Promise<NearestRows> {
  const numRows = rows.rowIds.length;
  const { metric, type } = plan;
  const { lower, upper } = boundDistances(plan.distanceRange);
  const kernels = await loadCoreKernels();
  const giveWay = createGiveWay(context.signal);
  const rowIds = new BigUint64Array(numRows);
  const distances = new Float32Array(numRows);
  let count = 0;
  for (let from = 0; from < numRows; from += SLICE_ROWS) {
    const addresses = rows.rowIds.subarray(from, from + SLICE_ROWS);
    const { vectors, valid } = await takeVectors(context, plan, addresses);
    const measured = kernels.distances(metric, q, vectors, type.dimension);
    for (let i = 0; i < measured.length; i++) {
      const distance = measured[i]!;
      if (!(distance >= lower && distance < upper)) continue;
      if (valid && ((valid[i >> 3]! >> (i & 7)) & 1) === 0) continue;
      rowIds[count] = addresses[i]!;
      distances[count++] = distance;
    }
    await giveWay();
  }
  return { rowIds: rowIds.subarray(0, count), distances: distances.subarray(0, count) };
}

/** Vectors by address, and which of them are any; where they lie side by side in files, without decoding. */
async function takeVectors(
  { snapshot, memoryBudgetBytes, signal }: QueryContext,
  { field, type }: VectorColumn,
  addresses: BigUint64Array,
): Promise<{ readonly vectors: VectorValues; readonly valid: Uint8Array | undefined }> {
  const rowBytes = type.dimension * elementBytes(type.element);
  const maxBytes = Math.floor(memoryBudgetBytes * KEPT_SHARE);
  const bytes = await takeFixedRows(snapshot, addresses, { field, rowBytes, maxBytes, signal });
  if (bytes) return { vectors: viewValues(type.element, bytes), valid: undefined };
  const batch = await takeAddresses(snapshot, addresses, [field], { signal });
  const data = batch.data.children[0]!;
  return { vectors: readVectors(data, type, field), valid: findVectors(data, type.dimension) };
}
