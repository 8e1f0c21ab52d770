import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { describeIndices, getCommittedSegments } from "../../src/index/describe.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { inlinePool } from "../index/support.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

const PRELUDE = `
import numpy as np
DIMENSION = 24
def make(dtype, first, count, scale):
    rng = np.random.default_rng(first)
    values = rng.integers(0, 256, (count, DIMENSION)) if dtype == "uint8" else rng.normal(size=(count, DIMENSION)) * scale
    items = pa.array(values.astype(dtype).reshape(-1))
    return pa.table({"id": pa.array(range(first, first + count), pa.int32()), "v": pa.FixedSizeListArray.from_arrays(items, DIMENSION)})
def create(uri, dtype):
    for i, (count, scale) in enumerate([(500, 1), (300, 2.5), (400, 1.5)]):
        lance.write_dataset(make(dtype, i * 1000, count, scale), uri, mode="create" if i == 0 else "append")
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
def index_types(uri):
    return [(d.index_type, d.num_rows_indexed) for d in lance.dataset(uri).describe_indices()]
`;

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

let directory: string;
let native: NativeSession;
beforeAll(async () => {
  useTestRuntime();
  directory = await mkdtemp(join(tmpdir(), "lancelet-vectors-"));
  native = openNativeSession(directory);
  await native.run(PRELUDE);
});
afterAll(async () => {
  native.close();
  await rm(directory, { recursive: true, force: true });
});

const open = (uri: string): Promise<Snapshot> => openSnapshot(createNodeFsStore(join(directory, uri)), { uri });
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
    const answers = (await native.run(`out = query("${uri}", "${dtype}", "${metric}")`)) as Answer[];
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
    await native.run(`create("${uri}", "${dtype}")`);
    const snapshot = await open(uri);
    const options = { pool: inlinePool, name: "v_idx", params };
    const model = await trainIndexModel(snapshot, "v", indexType, options);
    const segments: IndexSegment[] = [];
    for (const fragmentIds of [[0], [1, 2]]) {
      segments.push(await createIndexUncommitted(snapshot, "v", indexType, { ...options, fragmentIds, model }));
    }
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
    expect(await native.run(`out = index_types("${uri}")`)).toEqual([[indexType, 1200]]);
    await check(committed);
    const merged = await mergeExistingIndexSegments(committed, segments, { pool: inlinePool });
    await check(await commitExistingIndexSegments(committed, "v_idx", "v", [merged]));
  });

  test("appended to and folded by native, which goes on with what was built here", async () => {
    await native.run(`
lance.write_dataset(make("${dtype}", 5000, 100, 1), "${uri}", mode="append")
lance.dataset("${uri}").optimize.optimize_indices(num_indices_to_merge=1)`);
    expect(await native.run(`out = index_types("${uri}")`)).toEqual([[indexType, 1300]]);
    await check(await open(uri));
  });

  test("built by native, searched and merged here", async () => {
    await native.run(`
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
  await native.run(`
create("${uri}", "float32")
dataset = lance.dataset("${uri}")
centroids = make("float32", 0, 4, 1)["v"].combine_chunks().values.to_numpy().reshape(4, DIMENSION)
def to_json(index):
    import base64
    type_url, value = index.index_details
    return {"uuid": str(index.uuid), "name": index.name, "fields": list(index.fields), "datasetVersion": index.dataset_version,
            "fragmentIds": sorted(index.fragment_ids), "indexVersion": index.index_version, "createdAt": None, "baseId": None,
            "files": [{"path": file.path, "sizeBytes": file.size_bytes} for file in index.files],
            "indexDetails": {"typeUrl": type_url, "value": base64.b64encode(bytes(value)).decode()}}
built = [dataset.create_index_uncommitted("v", "IVF_SQ", "v_idx", metric="l2", num_partitions=4, ivf_centroids=centroids, fragment_ids=[i]) for i in range(3)]`);
  const segments = (await native.run("out = [to_json(index) for index in built]")) as IndexSegment[];
  const snapshot = await open(uri);
  const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
  await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]);
  const answers = (await native.run(`out = query("${uri}", "float32", "l2")`)) as Answer[];
  for (const { plan, distances, exact } of answers) {
    expect(plan).toContain("ANNSubIndex: name=v_idx");
    // 24 values, each some hundredths off: native's own merge is off by tenths of the whole.
    distances.forEach((distance, i) => {
      near(distance, exact[i]!, 0.05);
    });
  }
});
