import { describe, expect, test } from "vitest";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { getCommittedSegments } from "../../src/index/describe.ts";
import { decodeModel, encodeModel } from "../../src/index/ivf/model.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { readModel, writeModel } from "../../src/index/model-file.ts";
import { optimizeIndices } from "../../src/index/optimize-indices.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { ApproxMode, IndexSegment } from "../../src/index/segment.ts";
import type { Store } from "../../src/store/store.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { writeSequentialCodes } from "../index/sequential-codes.ts";
import { createRandom, inlinePool } from "../index/support.ts";
import { buildApart, toPython, useVectorSession } from "./vector-session.ts";

const DIMENSION = 72;
const FRAGMENTS = [900, 350, 500];
const NUM_ROWS = 1750;
const ALL = 1 << 20;

const { run, open } = useVectorSession(`
DIMENSION = ${DIMENSION}

def make_table(first, count, seed, item):
    centers = np.random.default_rng(1).normal(size=(8, DIMENSION))
    rng = np.random.default_rng(seed)
    vectors = (centers[rng.integers(0, 8, count)] + 0.6 * rng.normal(size=(count, DIMENSION))).astype(item)
    return to_table(vectors, first)
def create(name, item):
    first = 0
    for part, count in enumerate(${JSON.stringify(FRAGMENTS)}):
        lance.write_dataset(make_table(first, count, part + 10, item), name, mode="create" if part == 0 else "append")
        first += count

def ask(name, queries, k, metric, mode, item):
    out = []
    for q in queries:
        nearest = {"column": "v", "q": np.array(q, dtype=item), "k": k, "metric": metric, "nprobes": 100}
        scanner = lance.dataset(name).scanner(columns=["id"], nearest={**nearest, "approx_mode": mode})
        found = scanner.to_table()
        exact = lance.dataset(name).scanner(columns=["id"], nearest={**nearest, "use_index": False}).to_table()
        out.append({
            "ids": found["id"].to_pylist(),
            "distances": found["_distance"].to_pylist(),
            "exactIds": exact["id"].to_pylist(),
            "plan": scanner.explain_plan(),
        })
    return out
`);

interface Answer {
  readonly ids: number[];
  readonly distances: number[];
  readonly exactIds: number[];
  readonly plan: string;
}

const random = createRandom(12);
const QUERIES = Array.from({ length: 4 }, () =>
  Array.from({ length: DIMENSION }, () => Math.fround(random() * 3 - 1.5)),
);

/** Row ids of these tables are addresses, and their ids follow one another. */
function toId(rowId: bigint): number {
  const fragment = Number(rowId >> 32n);
  return FRAGMENTS.slice(0, fragment).reduce((sum, count) => sum + count, 0) + Number(rowId & 0xffffffffn);
}

const countShared = (a: readonly number[], b: readonly number[]) => a.filter((id) => b.includes(id)).length;

/** Both must answer alike from the files there are: native by the index, with our distances and our recall. */
async function expectAlike(
  name: string,
  snapshot: Snapshot,
  options: { readonly metric: string; readonly item?: string; readonly mode?: ApproxMode; readonly tolerance?: number },
): Promise<void> {
  const { metric, item = "float32", mode = "accurate", tolerance = 1e-2 } = options;
  const k = 30;
  const call = `out = ask(${JSON.stringify(name)}, ${toPython(QUERIES)}, ${k}, ${JSON.stringify(metric)}, ${JSON.stringify(mode)}, ${JSON.stringify(item)})`;
  const answers = (await run(call)) as Answer[];
  const segments = await getCommittedSegments(snapshot, "v_idx");
  let [ours, theirs] = [0, 0];
  for (const [i, { ids, distances, exactIds, plan }] of answers.entries()) {
    expect(plan).toContain("ANNSubIndex: name=v_idx");
    const q = Float32Array.from(QUERIES[i]!);
    const query = { kind: "vector", q, k, minimumNprobes: ALL, maximumNprobes: ALL, approxMode: mode } as const;
    const found = await searchSegments(snapshot, segments, query);
    const foundIds = Array.from(found.rowIds, toId);
    expect(foundIds.length).toBe(ids.length);
    const scale = Math.max(...distances.map(Math.abs));
    for (const [rank, distance] of distances.entries()) {
      expect(Math.abs(found.distances[rank]! - distance), `${rank}`).toBeLessThanOrEqual(tolerance * scale);
      const at = foundIds.indexOf(ids[rank]!);
      if (at >= 0) expect(Math.abs(found.distances[at]! - distance)).toBeLessThanOrEqual(tolerance * scale);
    }
    expect(countShared(foundIds, ids)).toBeGreaterThanOrEqual(k - 2);
    ours += countShared(foundIds, exactIds);
    theirs += countShared(ids, exactIds);
  }
  expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(2);
  expect(ours / (k * QUERIES.length)).toBeGreaterThan(0.2);
}

async function buildEach(
  snapshot: Snapshot,
  params: Readonly<Record<string, unknown>>,
  changeModel?: (storage: object) => object,
) {
  const groups = [[0], [1, 2]];
  if (!changeModel) return buildApart(snapshot, "IVF_RQ", { params, groups });
  const model = await trainIndexModel(snapshot, "v", "IVF_RQ", { pool: inlinePool, name: "v_idx", params });
  const trained = decodeModel(await readModel(snapshot.store, model!));
  const storage = changeModel(trained.storage!) as Record<string, unknown>;
  const changed = await writeModel(snapshot.store as Store, encodeModel({ ...trained, storage }));
  return buildApart(snapshot, "IVF_RQ", { params, groups, model: changed });
}

describe("ours, read by native", () => {
  const cases = [
    { metric: "l2", numBits: 1 },
    { metric: "l2", numBits: 3 },
    { metric: "l2", numBits: 9 },
    { metric: "cosine", numBits: 5 },
    { metric: "cosine", numBits: 1, rotationType: "matrix" },
    { metric: "dot", numBits: 1 },
    { metric: "dot", numBits: 6, rotationType: "matrix" },
    { metric: "l2", numBits: 4, rotationType: "matrix", item: "float16" },
    { metric: "l2", numBits: 2, item: "float16" },
    { metric: "dot", numBits: 5, rotationType: "matrix", item: "float64" },
    { metric: "cosine", numBits: 7, item: "float64" },
  ];
  for (const { item = "float32", ...params } of cases) {
    test(`${JSON.stringify(params)} of ${item}: two segments, then one that native merged, then one of ours`, async () => {
      const name = `ours_${Object.values(params).join("_")}_${item}`;
      await run(`create("${name}", "${item}")`);
      const snapshot = await open(name);
      const segments = await buildEach(snapshot, { numPartitions: 5, ...params });
      const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
      await expectAlike(name, committed, { metric: params.metric, item });
      const merged = (await run(`out = to_json(merge("${name}", ${toPython(segments)}))`)) as IndexSegment;
      const again = await commitExistingIndexSegments(committed, "v_idx", "v", [merged]);
      await expectAlike(name, again, { metric: params.metric, item });
      const own = await mergeExistingIndexSegments(again, [merged], { pool: inlinePool });
      await expectAlike(name, await commitExistingIndexSegments(again, "v_idx", "v", [own]), {
        metric: params.metric,
        item,
      });
    });
  }

  for (const metric of ["l2", "cosine", "dot"]) {
    test(`rows as old releases have them, ${metric}`, async () => {
      const name = `old_${metric}`;
      await run(`create("${name}", "float32")`);
      const snapshot = await open(name);
      const params = { metric, numBits: 1, rotationType: "matrix", numPartitions: 5 };
      const segments = await buildEach(snapshot, params, (storage) => ({
        ...storage,
        estimator: "residual_query",
        hasErrors: false,
      }));
      const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
      await expectAlike(name, committed, { metric });
    });
  }
});

describe("codes beyond the sign as betas wrote them", () => {
  test.each([4, 7])("of %d bits: both read them alike", async (numBits) => {
    const name = `beta_${numBits}`;
    await run(`create("${name}", "float32")`);
    const snapshot = await open(name);
    const segments: IndexSegment[] = [];
    for (const segment of await buildEach(snapshot, { numBits, numPartitions: 5 })) {
      segments.push(await writeSequentialCodes(snapshot.store as Store, segment, { dimension: DIMENSION, numBits }));
    }
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
    await expectAlike(name, committed, { metric: "l2" });
  });
});

describe("native's, read by us", () => {
  const cases = [
    { metric: "l2", bits: 1, rotation: "fast", item: "float32" },
    { metric: "l2", bits: 5, rotation: "matrix", item: "float32" },
    { metric: "cosine", bits: 4, rotation: "fast", item: "float32" },
    { metric: "dot", bits: 8, rotation: "fast", item: "float16" },
    { metric: "dot", bits: 2, rotation: "matrix", item: "float64" },
  ];
  for (const { metric, bits, rotation, item } of cases) {
    test(`${metric}, ${bits} bits, ${rotation}, ${item}: alike in every mode; appended rows fold into it`, async () => {
      const name = `theirs_${metric}_${bits}_${rotation}_${item}`;
      await run(
        `create("${name}", "${item}")\nlance.dataset("${name}").create_index("v", "IVF_RQ", name="v_idx", metric="${metric}", num_partitions=5, num_bits=${bits}, rotation_type="${rotation}")`,
      );
      const snapshot = await open(name);
      await expectAlike(name, snapshot, { metric, item });
      // Sums of bytes are the same sums: nothing but the order of additions is between these.
      await expectAlike(name, snapshot, { metric, item, mode: "normal" });
      await expectAlike(name, snapshot, { metric, item, mode: "fast" });
      await run(
        `lance.dataset("${name}").insert(make_table(${NUM_ROWS}, 300, 99, "${item}"))\nlance.dataset("${name}").delete("id % 10 = 3")`,
      );
      const { snapshot: after } = await optimizeIndices(await open(name), { pool: inlinePool, numIndicesToMerge: 1 });
      const segments = await getCommittedSegments(after, "v_idx");
      expect(segments.map(({ fragmentIds }) => fragmentIds)).toEqual([[0, 1, 2, 3]]);
      await expectAlike(name, after, { metric, item });
    });
  }

  test("segments of one model, one built by each, merge here and there", async () => {
    await run('create("apart", "float32")');
    const given = (await run(`
from lance.lance import indices
centers = np.random.default_rng(1).normal(size=(8, DIMENSION)).astype(np.float32)
model = indices.build_rq_model(DIMENSION, 3)
segment = lance.dataset("apart").create_index_uncommitted(
    "v", "IVF_RQ", "v_idx", fragment_ids=[0], num_partitions=8, num_bits=3, ivf_centroids=centers, rabitq_model=model)
out = {"centers": centers.tolist(), "model": model, "segment": to_json(segment)}
`)) as { centers: number[][]; model: string; segment: IndexSegment };
    const snapshot = await open("apart");
    const params = { numBits: 3, ivfCentroids: given.centers, rabitqModel: given.model };
    const options = { pool: inlinePool, name: "v_idx", params, fragmentIds: [1, 2] };
    const own = await createIndexUncommitted(snapshot, "v", "IVF_RQ", options);
    const merged = await mergeExistingIndexSegments(snapshot, [given.segment, own], { pool: inlinePool });
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]);
    await expectAlike("apart", committed, { metric: "l2" });
    const parts = toPython([given.segment, own]);
    const native = (await run(`out = to_json(merge("apart", ${parts}))`)) as IndexSegment;
    await expectAlike("apart", await commitExistingIndexSegments(committed, "v_idx", "v", [native]), { metric: "l2" });
  });
});
