import { type ReadCounts, withReadCounts } from "../index/count-reads.ts";
import type { NearestRows } from "../index/search.ts";
import { boundDistances, findVectors } from "../index/vector-rule.ts";
import { loadCoreKernels } from "../kernels/core.ts";
import { elementBytes, type QueryVector, viewValues } from "../kernels/element.ts";
import { type FixedRows, takeFixedRows } from "../table/rows/take-fixed.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import type { NearestPlan } from "./nearest-plan.ts";
import type { QueryContext } from "./query-context.ts";

type VectorColumn = Pick<NearestPlan, "field" | "type">;

/** Of the memory budget, what may be kept of vectors that were measured. */
const KEPT_SHARE = 0.25;

/** Bytes of vectors measured at once: a few milliseconds of work. */
const SLICE_BYTES = 4 * 2 ** 20;

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
  const sliceRows = Math.max(1, Math.floor(SLICE_BYTES / (type.dimension * elementBytes(type.element))));
  for (let from = 0; from < numRows; from += sliceRows) {
    const addresses = rows.rowIds.subarray(from, from + sliceRows);
    const { bytes, invalid } = await takeVectors(context, plan, addresses);
    const measured = kernels.distances(metric, q, viewValues(type.element, bytes), type.dimension);
    for (let i = 0; i < measured.length; i++) {
      const distance = measured[i]!;
      if (!(distance >= lower && distance < upper)) continue;
      if (invalid.has(i)) continue;
      rowIds[count] = addresses[i]!;
      distances[count++] = distance;
    }
    await giveWay();
  }
  return { rowIds: rowIds.subarray(0, count), distances: distances.subarray(0, count) };
}

async function takeVectors(
  { snapshot, memoryBudgetBytes, statistics, signal }: QueryContext,
  { field, type }: VectorColumn,
  addresses: BigUint64Array,
): Promise<FixedRows> {
  const counts: ReadCounts = { reads: 0, bytes: 0 };
  const taken = await takeFixedRows(snapshot, addresses, {
    field,
    rowBytes: type.dimension * elementBytes(type.element),
    maxBytes: Math.floor(memoryBudgetBytes * KEPT_SHARE),
    findValid: (values) => findVectors(values, type.dimension),
    store: withReadCounts(snapshot.store, counts),
    signal,
  });
  statistics.addRefined({
    rows: addresses.length,
    kept: taken.numKept,
    decoded: taken.numDecoded,
    reads: counts.reads,
    bytesRead: counts.bytes,
  });
  return taken;
}
