import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { describeIndices, getCommittedSegments } from "../../src/index/describe.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { inlinePool } from "../index/support.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

const PRELUDE = `
import base64
import numpy as np
from datetime import datetime, timezone
from lance import IndexFile
from lance.dataset import Index
DIMENSION = 32
K = 15
PARTITIONS = 5
def draw(seed, count):
    rng = np.random.default_rng(seed)
    return np.random.default_rng(1).normal(size=(20, DIMENSION))[rng.integers(0, 20, count)] * 2 + rng.normal(size=(count, DIMENSION))
def make(dtype, first, count):
    items = pa.array(draw(first, count).astype(dtype).reshape(-1))
    return pa.table({"id": pa.array(range(first, first + count), pa.int32()), "v": pa.FixedSizeListArray.from_arrays(items, DIMENSION)})
def create(uri, dtype):
    for i, count in enumerate([700, 500, 800]):
        lance.write_dataset(make(dtype, i * 1000, count), uri, mode="create" if i == 0 else "append")
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
def index_types(uri):
    return [(d.index_type, d.num_rows_indexed) for d in lance.dataset(uri).describe_indices()]
def to_json(index):
    type_url, value = index.index_details
    return {"uuid": str(index.uuid), "name": index.name, "fields": list(index.fields), "datasetVersion": index.dataset_version,
            "fragmentIds": sorted(index.fragment_ids), "indexVersion": index.index_version, "createdAt": None, "baseId": None,
            "files": [{"path": file.path, "sizeBytes": file.size_bytes} for file in index.files],
            "indexDetails": {"typeUrl": type_url, "value": base64.b64encode(bytes(value)).decode()}}
def from_json(s):
    details = s["indexDetails"]
    return Index(uuid=s["uuid"], name=s["name"], fields=s["fields"], dataset_version=s["datasetVersion"], fragment_ids=set(s["fragmentIds"]),
                 index_version=s["indexVersion"], created_at=s["createdAt"] and datetime.fromtimestamp(s["createdAt"] / 1000, tz=timezone.utc),
                 files=[IndexFile(file["path"], file["sizeBytes"]) for file in s["files"]],
                 index_details=(details["typeUrl"], base64.b64decode(details["value"])))
`;

interface Answer {
  readonly q: number[];
  readonly plan: string;
  readonly distances: number[];
  readonly rowIds: number[];
  readonly exact: number[];
}

let directory: string;
let native: NativeSession;
beforeAll(async () => {
  useTestRuntime();
  registerJobHandlers(loadJobs);
  directory = await mkdtemp(join(tmpdir(), "lancelet-pq-"));
  native = openNativeSession(directory);
  await native.run(PRELUDE);
});
afterAll(async () => {
  native.close();
  await rm(directory, { recursive: true, force: true });
});

const K = 15;
const PARTITIONS = 5;
const open = (uri: string): Promise<Snapshot> => openSnapshot(createNodeFsStore(join(directory, uri)), { uri });
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
    const answers = (await native.run(`out = query("${uri}", "${dtype}", "${metric}")`)) as Answer[];
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
    await native.run(`create("${uri}", "${dtype}")`);
    const snapshot = await open(uri);
    const options = { pool: inlinePool, name: "v_idx", params };
    const model = await trainIndexModel(snapshot, "v", "IVF_PQ", options);
    const segments: IndexSegment[] = [];
    for (const fragmentIds of [[0], [1, 2]]) {
      segments.push(await createIndexUncommitted(snapshot, "v", "IVF_PQ", { ...options, fragmentIds, model }));
    }
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
    expect(await native.run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2000]]);
    await check(committed);
    const merged = await mergeExistingIndexSegments(committed, segments, { pool: inlinePool });
    recall = await check(await commitExistingIndexSegments(committed, "v_idx", "v", [merged]));
  });

  test("merged and committed by native, searched here", async () => {
    const snapshot = await open(uri);
    const options = { pool: inlinePool, name: "v_idx", params };
    const model = await trainIndexModel(snapshot, "v", "IVF_PQ", options);
    const segments: IndexSegment[] = [];
    for (const fragmentIds of [[0, 1], [2]]) {
      segments.push(await createIndexUncommitted(snapshot, "v", "IVF_PQ", { ...options, fragmentIds, model }));
    }
    await native.run(`
dataset = lance.dataset("${uri}")
dataset.drop_index("v_idx")
dataset = lance.dataset("${uri}")
segments = [from_json(segment) for segment in json.loads('''${JSON.stringify(segments)}''')]
dataset.commit_existing_index_segments("v_idx", "v", [dataset.merge_existing_index_segments(segments)])`);
    expect(await native.run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2000]]);
    await check(await open(uri));
  });

  test("appended to and folded by native, which goes on with what was built here", async () => {
    await native.run(`
lance.write_dataset(make("${dtype}", 5000, 100), "${uri}", mode="append")
lance.dataset("${uri}").optimize.optimize_indices(num_indices_to_merge=1)`);
    expect(await native.run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2100]]);
    await check(await open(uri));
  });

  test("built by native, searched, appended to and merged here; our codes find as many", async () => {
    await native.run(`
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
    await native.run(`lance.write_dataset(make("${dtype}", 7000, 60), "${uri}", mode="append")`);
    const dataset = await openDataset(createNodeFsStore(join(directory, uri)));
    await dataset.optimize.optimizeIndices({ numIndicesToMerge: 1 });
    expect(await native.run(`out = index_types("${uri}")`)).toEqual([["IVF_PQ", 2160]]);
    await check(await open(uri));
  });
});

test("segments of one codebook that native and we built merge here and there", async () => {
  const uri = "shared";
  await native.run(`
create("${uri}", "float32")
dataset = lance.dataset("${uri}")
centroids = draw(5, PARTITIONS).astype(np.float32)
codebook = np.random.default_rng(9).normal(size=(8, 256, DIMENSION // 8)).astype(np.float32)
theirs = dataset.create_index_uncommitted("v", "IVF_PQ", "v_idx", metric="l2", num_partitions=PARTITIONS, num_sub_vectors=8, ivf_centroids=centroids, pq_codebook=codebook, fragment_ids=[0, 1])`);
  const [theirs, centroids, codebook] = (await native.run(
    "out = [to_json(theirs), centroids.tolist(), codebook.tolist()]",
  )) as [IndexSegment, number[][], number[][][]];
  const dataset = await openDataset(createNodeFsStore(join(directory, uri)));
  const options = { ivfCentroids: centroids, pqCodebook: codebook, numSubVectors: 8 };
  const ours = await dataset.createIndexUncommitted("v", "IVF_PQ", { ...options, name: "v_idx", fragmentIds: [2] });
  const merged = await dataset.mergeExistingIndexSegments([theirs, ours]);
  await dataset.commitExistingIndexSegments("v_idx", "v", [merged]);
  const first = (await native.run(`out = query("${uri}", "float32", "l2")`)) as Answer[];
  await native.run(`
dataset = lance.dataset("${uri}")
dataset.drop_index("v_idx")
dataset = lance.dataset("${uri}")
dataset.commit_existing_index_segments("v_idx", "v", [dataset.merge_existing_index_segments([theirs, from_json(json.loads('''${JSON.stringify(ours)}'''))])])`);
  const second = (await native.run(`out = query("${uri}", "float32", "l2")`)) as Answer[];
  for (const [i, { plan, distances }] of second.entries()) {
    expect(plan).toContain("ANNSubIndex: name=v_idx");
    distances.forEach((distance, j) => {
      expect(distance).toBeCloseTo(first[i]!.distances[j]!, 3);
    });
  }
});
