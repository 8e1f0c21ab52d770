import { describe, expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { describeIndices, getCommittedSegments } from "../../src/index/describe.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { inlinePool } from "../index/support.ts";
import { buildApart, toPython, useVectorSession } from "./vector-session.ts";

const { run, open, store } = useVectorSession(`
DIMENSION = 32
K = 15
PARTITIONS = 5
def draw(seed, count):
    rng = np.random.default_rng(seed)
    return np.random.default_rng(1).normal(size=(20, DIMENSION))[rng.integers(0, 20, count)] * 2 + rng.normal(size=(count, DIMENSION))
def make(dtype, first, count):
    return to_table(draw(first, count).astype(dtype), first)
def create(uri, dtype):
    write_parts(uri, [make(dtype, i * 1000, count) for i, count in enumerate([700, 500, 800])])
def query(uri, dtype, metric, nprobes=PARTITIONS, **more):
    dataset = lance.dataset(uri)
    answers = []
    for q in draw(77, 12).astype(dtype):
        nearest = {"column": "v", "q": q, "k": K, "metric": metric, "nprobes": nprobes}
        scan = lambda **other: dataset.scanner(columns=["id"], with_row_id=True, nearest={**nearest, **other}, **more)
        found, exact = scan().to_table(), scan(use_index=False).to_table()
        answers.append({
            "q": [float(value) for value in q], "plan": scan().explain_plan(),
            "distances": found["_distance"].to_pylist(), "rowIds": found["_rowid"].to_pylist(),
            "exact": exact["_rowid"].to_pylist(),
        })
    return answers
`);

interface Answer {
  readonly q: number[];
  readonly plan: string;
  readonly distances: number[];
  readonly rowIds: number[];
  readonly exact: number[];
}

const K = 15;
const PARTITIONS = 5;
const countHits = (rowIds: Iterable<number>, exact: readonly number[]) =>
  [...rowIds].filter((rowId) => exact.includes(rowId)).length;

const CASES = [
  ["float32", "l2", 8],
  ["float32", "cosine", 8],
  ["float32", "dot", 8],
  ["float32", "l2", 4],
  ["float32", "cosine", 4],
  ["float32", "dot", 4],
  ["float16", "l2", 8],
  ["float64", "l2", 8],
  ["float64", "dot", 4],
] as const;

describe.each(CASES)("%s by %s, %i bits", (dtype, metric, numBits) => {
  const uri = `${dtype}-${metric}-${numBits}`;
  const numSubVectors = numBits === 8 ? 8 : 16;
  const params = { metric, numPartitions: PARTITIONS, numSubVectors, numBits };

  /** Native plans with the index; both give the same distances for the same rows, and so the same recall. */
  const check = async (snapshot: Snapshot): Promise<number> => {
    const answers = (await run(`out = query("${uri}", "${dtype}", "${metric}")`)) as Answer[];
    const segments = await getCommittedSegments(snapshot, "v_idx");
    let [ours, theirs] = [0, 0];
    for (const { q, plan, distances, rowIds, exact } of answers) {
      expect(plan).toContain("ANNSubIndex: name=v_idx");
      const probes = { minimumNprobes: PARTITIONS, maximumNprobes: PARTITIONS };
      const query = { kind: "vector", q: Float64Array.from(q), k: K, ...probes } as const;
      const found = await searchSegments(snapshot, segments, query);
      expect(found.distances.length).toBe(K);
      for (const [i, distance] of found.distances.entries()) {
        const expected = distances[i]!;
        expect(Math.abs(distance - expected)).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(expected)));
      }
      ours += countHits(Array.from(found.rowIds, Number), exact);
      theirs += countHits(rowIds, exact);
    }
    // Equal distances may be cut off at another row.
    expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(3);
    return ours / answers.length / K;
  };

  let recall: number;
  test("built per worker and merged here, used by native", async () => {
    await run(`create("${uri}", "${dtype}")`);
    const snapshot = await open(uri);
    const segments = await buildApart(snapshot, "IVF_PQ", { params, groups: [[0], [1, 2]] });
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
    expect(await run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2000]]);
    await check(committed);
    const merged = await mergeExistingIndexSegments(committed, segments, { pool: inlinePool });
    recall = await check(await commitExistingIndexSegments(committed, "v_idx", "v", [merged]));
  });

  test("merged and committed by native, searched here", async () => {
    const segments = await buildApart(await open(uri), "IVF_PQ", { params, groups: [[0, 1], [2]] });
    await run(`commit_merged("${uri}", ${toPython(segments)})`);
    expect(await run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2000]]);
    await check(await open(uri));
  });

  test("appended to and folded by native, which goes on with what was built here", async () => {
    await run(`
lance.write_dataset(make("${dtype}", 5000, 100), "${uri}", mode="append")
lance.dataset("${uri}").optimize.optimize_indices(num_indices_to_merge=1)`);
    expect(await run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2100]]);
    await check(await open(uri));
  });

  test("built by native, searched, appended to and merged here; our codes find as many", async () => {
    await run(`
lance.dataset("${uri}").drop_index("v_idx")
lance.dataset("${uri}").create_index("v", "IVF_PQ", name="v_idx", metric="${metric}", num_partitions=PARTITIONS, num_sub_vectors=${numSubVectors}, num_bits=${numBits})`);
    const snapshot = await open(uri);
    expect(await describeIndices(snapshot)).toMatchObject([{ indexType: "IVF_PQ", numRowsIndexed: 2100 }]);
    const theirs = await check(snapshot);
    expect(recall).toBeGreaterThanOrEqual(theirs - 0.05);
    const merged = await mergeExistingIndexSegments(snapshot, await getCommittedSegments(snapshot, "v_idx"), {
      pool: inlinePool,
    });
    await check(await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]));
    await run(`lance.write_dataset(make("${dtype}", 7000, 60), "${uri}", mode="append")`);
    const dataset = await openDataset(store(uri));
    await dataset.optimize.optimizeIndices({ numIndicesToMerge: 1 });
    expect(await run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2160]]);
    await check(await open(uri));
  });
});

test("segments of one codebook that native and we built merge here and there", async () => {
  const uri = "shared";
  await run(`
create("${uri}", "float32")
dataset = lance.dataset("${uri}")
centroids = draw(5, PARTITIONS).astype(np.float32)
codebook = np.random.default_rng(9).normal(size=(8, 256, DIMENSION // 8)).astype(np.float32)
theirs = dataset.create_index_uncommitted("v", "IVF_PQ", "v_idx", metric="l2", num_partitions=PARTITIONS, num_sub_vectors=8, ivf_centroids=centroids, pq_codebook=codebook, fragment_ids=[0, 1])`);
  const [theirs, centroids, codebook] = (await run(
    "out = [to_json(theirs), centroids.tolist(), codebook.tolist()]",
  )) as [IndexSegment, number[][], number[][][]];
  const dataset = await openDataset(store(uri));
  const options = { ivfCentroids: centroids, pqCodebook: codebook, numSubVectors: 8 };
  const ours = await dataset.createIndexUncommitted("v", "IVF_PQ", { ...options, name: "v_idx", fragmentIds: [2] });
  const merged = await dataset.mergeExistingIndexSegments([theirs, ours]);
  await dataset.commitExistingIndexSegments("v_idx", "v", [merged]);
  const first = (await run(`out = query("${uri}", "float32", "l2")`)) as Answer[];
  await run(`commit_merged("${uri}", [to_json(theirs), ${toPython(ours)}])`);
  const second = (await run(`out = query("${uri}", "float32", "l2")`)) as Answer[];
  for (const [i, { plan, distances }] of second.entries()) {
    expect(plan).toContain("ANNSubIndex: name=v_idx");
    distances.forEach((distance, j) => {
      expect(distance).toBeCloseTo(first[i]!.distances[j]!, 3);
    });
  }
});
