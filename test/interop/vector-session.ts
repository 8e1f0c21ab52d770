import { join } from "node:path";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import type { Store } from "../../src/store/store.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { inlinePool } from "../index/support.ts";
import { useNativeSession } from "./native-session.ts";

/** What tests of vector indexes need of Python: tables out of arrays, and segments as JSON. */
const PRELUDE = `
import base64
import numpy as np
from datetime import datetime, timezone
from lance import IndexFile
from lance.dataset import Index
def to_table(values, first):
    count, dimension = values.shape
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), dimension)
    return pa.table({"id": pa.array(range(first, first + count), pa.int32()), "v": vectors})
def write_parts(uri, parts):
    for i, part in enumerate(parts):
        lance.write_dataset(part, uri, mode="create" if i == 0 else "append")
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
def merge(uri, segments):
    return lance.dataset(uri).merge_existing_index_segments([from_json(segment) for segment in segments])
def commit_merged(uri, segments):
    lance.dataset(uri).drop_index("v_idx")
    lance.dataset(uri).commit_existing_index_segments("v_idx", "v", [merge(uri, segments)])
`;

/** Tables of vectors in a directory of the tests of a file, and native Lance beside them. */
export interface VectorSession {
  /** Runs statements in Python; what they leave in `out` comes back. */
  run(code: string): Promise<unknown>;
  store(uri: string): Store;
  open(uri: string): Promise<Snapshot>;
}

/** @param prelude Python of the file's own, run once. Valid inside of tests */
export function useVectorSession(prelude: string): VectorSession {
  let session: Parameters<Parameters<typeof useNativeSession>[0]>[0] | undefined;
  useNativeSession(async (begun) => {
    session = begun;
    registerJobHandlers(loadJobs);
    await begun.native.run(PRELUDE + prelude);
  });
  const store = (uri: string) => createNodeFsStore(join(session!.directory, uri));
  return {
    run: (code) => session!.native.run(code),
    store,
    open: (uri) => openSnapshot(store(uri), { uri }),
  };
}

/** A value as Python reads it. */
export function toPython(value: unknown): string {
  return `json.loads(${JSON.stringify(JSON.stringify(value))})`;
}

/** A segment for each group of fragments, all of one model; trained where none is given. */
export async function buildApart(
  snapshot: Snapshot,
  indexType: string,
  options: {
    readonly groups: readonly (readonly number[])[];
    readonly params: Readonly<Record<string, unknown>>;
    readonly model?: Awaited<ReturnType<typeof trainIndexModel>>;
  },
): Promise<IndexSegment[]> {
  const { groups, params } = options;
  const shared = { pool: inlinePool, name: "v_idx", params };
  const model = options.model ?? (await trainIndexModel(snapshot, "v", indexType, shared));
  const segments: IndexSegment[] = [];
  for (const fragmentIds of groups) {
    const own = { ...shared, fragmentIds, ...(model ? { model } : {}) };
    segments.push(await createIndexUncommitted(snapshot, "v", indexType, own));
  }
  return segments;
}
