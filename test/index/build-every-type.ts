import { Field, FixedSizeList, Float32 } from "apache-arrow";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { listIndexTypes } from "../../src/index/registry.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, createRandom, inlinePool, readSegmentFiles } from "./support.ts";

const DIMENSION = 24;
const FRAGMENTS = [400, 300];

/** Bytes of two segments of each vector index and of their merge, by type, segment and file name. */
export async function buildEveryType(metric: string): Promise<Map<string, Uint8Array>> {
  useTestRuntime();
  const random = createRandom(11);
  const makeVector = () => Float32Array.from({ length: DIMENSION }, () => random() - 0.5);
  const type = new FixedSizeList(DIMENSION, new Field("item", new Float32(), true));
  const snapshot = await createFragments(
    createMemoryStore(),
    type,
    FRAGMENTS.map((count) => Array.from({ length: count }, makeVector)),
  );
  const files = new Map<string, Uint8Array>();
  for (const indexType of listIndexTypes().filter((name) => name.startsWith("IVF_"))) {
    const options = { pool: inlinePool, name: "v_idx", params: { metric, numPartitions: 3 } };
    const model = await trainIndexModel(snapshot, "v", indexType, options);
    const segments = [];
    for (const { id } of snapshot.fragments) {
      const more = { fragmentIds: [id], ...(model ? { model } : {}) };
      segments.push(await createIndexUncommitted(snapshot, "v", indexType, { ...options, ...more }));
    }
    segments.push(await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool }));
    for (const [i, { uuid }] of segments.entries()) {
      for (const [name, bytes] of await readSegmentFiles(snapshot, uuid)) files.set(`${indexType} ${i} ${name}`, bytes);
    }
  }
  return files;
}
