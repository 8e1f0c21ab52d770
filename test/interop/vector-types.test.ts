import { describe, expect, test } from "vitest";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { describeIndices, getCommittedSegments } from "../../src/index/describe.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { inlinePool } from "../index/support.ts";
import { buildApart, useVectorSession } from "./vector-session.ts";

const { run, open } = useVectorSession(`
DIMENSION = 24
def make(dtype, first, count, scale):
    rng = np.random.default_rng(first)
    values = rng.integers(0, 256, (count, DIMENSION)) if dtype == "uint8" else rng.normal(size=(count, DIMENSION)) * scale
    return to_table(values.astype(dtype), first)
def create(uri, dtype):
    write_parts(uri, [make(dtype, i * 1000, count, scale) for i, (count, scale) in enumerate([(500, 1), (300, 2.5), (400, 1.5)])])
def queries(dtype):
    rng = np.random.default_rng(77)
    values = rng.integers(0, 256, (5, DIMENSION)) if dtype == "uint8" else rng.normal(size=(5, DIMENSION))
    return values.astype(dtype)
def query(uri, dtype, metric, **more):
    dataset = lance.dataset(uri)
    answers = []
    for q in queries(dtype):
        nearest = {"column": "v", "q": q, "k": 15, "metric": metric, "nprobes": 5, **more}
        scanner = dataset.scanner(columns=["id"], with_row_id=True, nearest=nearest)
        found = scanner.to_table()
        exact = dataset.scanner(columns=["id"], with_row_id=True, nearest={**nearest, "use_index": False}).to_table()
        answers.append({
            "q": [float(value) for value in q], "plan": scanner.explain_plan(),
            "distances": found["_distance"].to_pylist(), "exact": exact["_distance"].to_pylist(),
        })
    return answers
`);

interface Answer {
  readonly q: number[];
  readonly plan: string;
  readonly distances: number[];
  readonly exact: number[];
}

const CASES = [
  ["IVF_FLAT", "float16", "l2"],
  ["IVF_FLAT", "float16", "cosine"],
  ["IVF_FLAT", "float16", "dot"],
  ["IVF_FLAT", "float64", "l2"],
  ["IVF_FLAT", "float64", "cosine"],
  ["IVF_FLAT", "float64", "dot"],
  ["IVF_FLAT", "uint8", "hamming"],
  ["IVF_SQ", "float32", "l2"],
  ["IVF_SQ", "float32", "cosine"],
  ["IVF_SQ", "float32", "dot"],
  ["IVF_SQ", "float16", "l2"],
  ["IVF_SQ", "float64", "dot"],
] as const;

const near = (found: number, expected: number, tolerance: number) =>
  expect(Math.abs(found - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));

describe.each(CASES)("%s of %s by %s", (indexType, dtype, metric) => {
  const uri = `${indexType}-${dtype}-${metric}`;
  const params = { metric, numPartitions: 5 };
  const isExact = indexType === "IVF_FLAT";
  // Native counts unit vectors of halves in halves.
  const tolerance = dtype === "float16" ? 3e-3 : 1e-4;

  /** Native plans with the index, and both give the same distances; those of FLAT are the vectors' own. */
  const check = async (snapshot: Snapshot): Promise<void> => {
    const answers = (await run(`out = query("${uri}", "${dtype}", "${metric}")`)) as Answer[];
    const segments = await getCommittedSegments(snapshot, "v_idx");
    for (const { q, plan, distances, exact } of answers) {
      expect(plan).toContain("ANNSubIndex: name=v_idx");
      const query = { kind: "vector", q: Float64Array.from(q), k: 15, minimumNprobes: 5, maximumNprobes: 5 } as const;
      const found = await searchSegments(snapshot, segments, query);
      expect(found.distances.length).toBe(15);
      for (const [i, distance] of found.distances.entries()) {
        near(distance, distances[i]!, tolerance);
        if (isExact) near(distance, exact[i]!, tolerance);
      }
    }
  };

  test("built and merged here, used by native", async () => {
    await run(`create("${uri}", "${dtype}")`);
    const snapshot = await open(uri);
    const segments = await buildApart(snapshot, indexType, { params, groups: [[0], [1, 2]] });
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
    expect(await run(`out = index_types("${uri}")`)).toEqual([[indexType, 1200]]);
    await check(committed);
    const merged = await mergeExistingIndexSegments(committed, segments, { pool: inlinePool });
    await check(await commitExistingIndexSegments(committed, "v_idx", "v", [merged]));
  });

  test("appended to and folded by native, which goes on with what was built here", async () => {
    await run(`
lance.write_dataset(make("${dtype}", 5000, 100, 1), "${uri}", mode="append")
lance.dataset("${uri}").optimize.optimize_indices(num_indices_to_merge=1)`);
    expect(await run(`out = index_types("${uri}")`)).toEqual([[indexType, 1300]]);
    await check(await open(uri));
  });

  test("built by native, searched and merged here", async () => {
    await run(`
lance.dataset("${uri}").drop_index("v_idx")
lance.dataset("${uri}").create_index("v", "${indexType}", name="v_idx", metric="${metric}", num_partitions=5)`);
    const snapshot = await open(uri);
    expect(await describeIndices(snapshot)).toMatchObject([{ indexType, numRowsIndexed: 1300 }]);
    await check(snapshot);
    const merged = await mergeExistingIndexSegments(snapshot, await getCommittedSegments(snapshot, "v_idx"), {
      pool: inlinePool,
    });
    await check(await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]));
  });
});

test("IVF_SQ segments that native built with bounds of their own: merged here, native reads right distances", async () => {
  const uri = "bounds";
  await run(`
create("${uri}", "float32")
dataset = lance.dataset("${uri}")
centroids = make("float32", 0, 4, 1)["v"].combine_chunks().values.to_numpy().reshape(4, DIMENSION)
built = [dataset.create_index_uncommitted("v", "IVF_SQ", "v_idx", metric="l2", num_partitions=4, ivf_centroids=centroids, fragment_ids=[i]) for i in range(3)]`);
  const segments = (await run("out = [to_json(index) for index in built]")) as IndexSegment[];
  const snapshot = await open(uri);
  const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
  await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]);
  const answers = (await run(`out = query("${uri}", "float32", "l2")`)) as Answer[];
  for (const { plan, distances, exact } of answers) {
    expect(plan).toContain("ANNSubIndex: name=v_idx");
    // 24 values, each some hundredths off: native's own merge is off by tenths of the whole.
    distances.forEach((distance, i) => {
      near(distance, exact[i]!, 0.05);
    });
  }
});
