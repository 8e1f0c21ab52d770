import { type DataType, Field, FixedSizeList, Int32, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import { isLanceError, type LanceErrorCode } from "../../src/errors.ts";
import { getCommittedSegments } from "../../src/index/describe.ts";
import { jobHandlers } from "../../src/index/jobs.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { fromHalf, toHalf, type VectorValues } from "../../src/kernels/element.ts";
import { createInlinePool } from "../../src/pool/inline-pool.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import type { Store } from "../../src/store/store.ts";
import { readDeletions } from "../../src/table/deletions/deletions.ts";
import { toRowAddress } from "../../src/table/row-ids/row-addresses.ts";
import { scanFragment } from "../../src/table/rows/scan-fragment.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";

export { createRandom } from "../../src/random.ts";

/** A value of a test column: `null`, a literal as queries take it, or a vector, of any item type. */
export type Value = boolean | number | bigint | string | Float32Array | null;

export const URI = "memory://index-test";

/** Runs the jobs on this thread. */
export const inlinePool: WorkerPool = createInlinePool(jobHandlers);

/** A segment of one fragment as JSON, over no files that there are. */
export function makeSegment(fragmentId: number, more: Partial<IndexSegment> = {}): IndexSegment {
  return {
    uuid: `00000000-0000-4000-8000-${String(fragmentId).padStart(12, "0")}`,
    name: "v_idx",
    fields: [1],
    datasetVersion: 1,
    fragmentIds: [fragmentId],
    indexVersion: 1,
    createdAt: null,
    baseId: null,
    files: [{ path: "index.idx", sizeBytes: 10 }],
    indexDetails: { typeUrl: "/lance.index.pb.VectorIndexDetails", value: "" },
    ...more,
  };
}

/** One batch of columns `id` and `v`. */
export function makeBatch(type: DataType, values: readonly Value[], firstId = 0): RecordBatch {
  const length = values.length;
  const ids = makeData({ type: new Int32(), length, data: Int32Array.from(values, (_, i) => firstId + i) });
  const schema = new Schema([new Field("id", new Int32(), false), new Field("v", type, true)]);
  const struct = new Struct(schema.fields);
  return new RecordBatch(
    schema,
    makeData({ type: struct, length, nullCount: 0, children: [ids, packData(type, values)] }),
  );
}

function packData(type: DataType, values: readonly Value[]) {
  const length = values.length;
  const nullBitmap = new Uint8Array((length + 7) >> 3);
  let nullCount = 0;
  values.forEach((value, i) => {
    if (value === null) nullCount++;
    else nullBitmap[i >> 3]! |= 1 << (i & 7);
  });
  const shared = { type, length, nullCount, ...(nullCount > 0 ? { nullBitmap } : {}) };
  if (type instanceof FixedSizeList) {
    const dimension = type.listSize;
    const itemType = type.children[0]!.type as DataType & { ArrayType: new (length: number) => VectorValues };
    const items = new itemType.ArrayType(length * dimension);
    values.forEach((value, i) => {
      if (value === null) return;
      const vector = value as Float32Array;
      items.set((items instanceof Uint16Array ? Array.from(vector, toHalf) : vector) as never, i * dimension);
    });
    const child = makeData({ type: itemType, length: items.length, nullCount: 0, data: items } as never);
    return makeData({ ...shared, child } as never);
  }
  const first = values.find((value) => value !== null);
  if (typeof first === "string" || String(type) === "Utf8") {
    const parts = values.map((value) => new TextEncoder().encode((value as string | null) ?? ""));
    const valueOffsets = new Int32Array(length + 1);
    parts.forEach((part, i) => {
      valueOffsets[i + 1] = valueOffsets[i]! + part.length;
    });
    return makeData({ ...shared, data: Buffer.concat(parts), valueOffsets } as never);
  }
  if (String(type) === "Bool") {
    const data = new Uint8Array((length + 7) >> 3);
    values.forEach((value, i) => {
      if (value === true) data[i >> 3]! |= 1 << (i & 7);
    });
    return makeData({ ...shared, data } as never);
  }
  const { ArrayType } = type as unknown as { ArrayType: new (length: number) => { [i: number]: unknown } };
  const data = new ArrayType(length);
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  values.forEach((value, i) => {
    data[i] = value ?? (isBig ? 0n : 0);
  });
  return makeData({ ...shared, data } as never);
}

/** A table of `v` in fragments of the given values. */
export async function createFragments(
  store: Store,
  type: DataType,
  fragments: readonly (readonly Value[])[],
  options: { readonly stableRowIds?: boolean } = {},
): Promise<Snapshot> {
  let firstId = 0;
  let snapshot: Snapshot | undefined;
  for (const values of fragments) {
    const batch = makeBatch(type, values, firstId);
    firstId += values.length;
    snapshot = snapshot
      ? await appendRows(snapshot, batch)
      : await createTable(store, await toRecordBatches(batch), { uri: URI, ...options });
  }
  return snapshot!;
}

/** Live rows of a version as (address, value), read from the data files. */
export async function readRows(snapshot: Snapshot, fragmentIds?: readonly number[]): Promise<Map<bigint, Value>> {
  const rows = new Map<bigint, Value>();
  const field = snapshot.schema.fields.find(({ name }) => name === "v")!;
  for (const fragment of snapshot.fragments) {
    if (fragmentIds && !fragmentIds.includes(fragment.id)) continue;
    const deleted = new Set(await readDeletions(snapshot, fragment));
    let offset = 0;
    for await (const batch of scanFragment(snapshot, fragment, [field], { kind: "all" })) {
      for (const value of readValues(batch)) {
        if (!deleted.has(offset)) rows.set(toRowAddress(fragment.id, offset), value);
        offset++;
      }
    }
  }
  return rows;
}

/** Physical values: timestamps as bigint, dates as days. */
function* readValues(batch: RecordBatch): Iterable<Value> {
  const data = batch.data.children[0]!;
  const vector = batch.getChildAt(0)!;
  for (let i = 0; i < batch.numRows; i++) {
    if (!vector.isValid(i)) yield null;
    else if (data.type instanceof FixedSizeList) {
      const dimension = data.type.listSize;
      const items = (data.children[0]!.values as VectorValues).subarray(i * dimension, (i + 1) * dimension);
      yield Float32Array.from(items, items instanceof Uint16Array ? fromHalf : (item: number) => item);
    } else if (String(data.type) === "Bool" || String(data.type) === "Utf8") yield vector.get(i) as Value;
    else yield (data.values as unknown as ArrayLike<Value>)[i]!;
  }
}

/** Every path below `prefix`. */
export async function listPaths(store: Store, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}

/** Bytes of a segment's files, by name. */
export async function readSegmentFiles(snapshot: Snapshot, uuid: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const prefix = `_indices/${uuid}/`;
  for (const path of await listPaths(snapshot.store as Store, prefix)) {
    files.set(path.slice(prefix.length), (await snapshot.store.get(path))!.bytes);
  }
  return files;
}

/** The LanceError a call rejects with. Fails when it does not reject, or with another code. */
export async function expectError(
  call: Promise<unknown>,
  code: LanceErrorCode,
): Promise<Error & { details: Record<string, unknown> }> {
  const thrown = await call.then(
    () => new Error("it did not throw"),
    (error: unknown) => error,
  );
  if (!isLanceError(thrown, code)) {
    const received = isLanceError(thrown) ? `${thrown.code}: ${thrown.message}` : String(thrown);
    throw new Error(`expected ${code}, received ${received}`, { cause: thrown });
  }
  return thrown as never;
}

export { getCommittedSegments };
