import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { encodeBase64 } from "../../src/index/base64.ts";
import { getCommittedSegments } from "../../src/index/describe.ts";
import { readIndexMetric } from "../../src/index/read-metric.ts";
import { nameIndexType } from "../../src/index/registry.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { VectorIndexDetailsSchema } from "../../src/proto/gen/lance/index_pb.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import type { Store } from "../../src/store/store.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

async function openFixture(name: string): Promise<Snapshot> {
  const directory = fileURLToPath(new URL(`../fixtures/lance/${name}.lance`, import.meta.url));
  return openSnapshot(createNodeFsStore(directory), { uri: name });
}

const withDetails = (segment: IndexSegment, bytes: Uint8Array): IndexSegment => ({
  ...segment,
  indexDetails: { ...segment.indexDetails, value: encodeBase64(bytes) },
});
const EMPTY = new Uint8Array(0);

/** The same table without some files of its indexes. */
function withoutFiles(snapshot: Snapshot, ...names: readonly string[]): Snapshot {
  const store = snapshot.store as Store;
  const get: Store["get"] = async (path, ...rest) =>
    names.some((name) => path.endsWith(name)) ? undefined : store.get(path, ...rest);
  return { ...snapshot, store: { ...store, get } };
}

test.each([
  ["ivf_flat_l2", "l2"],
  ["ivf_flat_cosine", "cosine"],
  ["ivf_flat_dot", "dot"],
])("%s: the metric is read from the details, from either file, or is unknown", async (name, metric) => {
  const snapshot = await openFixture(name);
  const [segment] = await getCommittedSegments(snapshot, "v_idx");
  expect(await readIndexMetric(snapshot, segment!)).toBe(metric);
  const bare = withDetails(segment!, EMPTY);
  expect(await readIndexMetric(snapshot, bare)).toBe(metric);
  expect(await readIndexMetric(withoutFiles(snapshot, "index.idx"), bare)).toBe(metric);
  expect(await readIndexMetric(withoutFiles(snapshot, "index.idx", "auxiliary.idx"), bare)).toBeNull();
});

test("details are believed without a read, also of vector indexes that cannot be searched", async () => {
  const snapshot = await openFixture("ivf_flat_l2");
  const [segment] = await getCommittedSegments(snapshot, "v_idx");
  const noFiles = withoutFiles(snapshot, "index.idx", "auxiliary.idx");
  for (const [metricType, metric] of ["l2", "cosine", "dot", "hamming"].entries()) {
    const compression = { case: "pq", value: { numBits: 8, numSubVectors: 4 } } as const;
    const details = toBinary(VectorIndexDetailsSchema, create(VectorIndexDetailsSchema, { metricType, compression }));
    const quantized = withDetails(segment!, details);
    expect([await nameIndexType(quantized), await readIndexMetric(noFiles, quantized)]).toEqual(["IVF_PQ", metric]);
  }
});

test("an index on several fields, or on a column that is gone, is not opened", async () => {
  const snapshot = await openFixture("ivf_flat_cosine");
  const [segment] = await getCommittedSegments(snapshot, "v_idx");
  for (const fields of [[], [0, 1], [999]]) {
    expect(await readIndexMetric(snapshot, { ...segment!, fields })).toBe("cosine");
    expect(await readIndexMetric(snapshot, { ...withDetails(segment!, EMPTY), fields })).toBeNull();
  }
});

test("an index without a metric", async () => {
  const snapshot = await openFixture("btree");
  for (const { name } of snapshot.indices) {
    for (const segment of await getCommittedSegments(snapshot, name)) {
      expect(await readIndexMetric(snapshot, segment)).toBeNull();
    }
  }
});
