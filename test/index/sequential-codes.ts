import { type Data, Field, FixedSizeList, makeData, RecordBatch, Schema, Struct, Uint8 } from "apache-arrow";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createIndexField } from "../../src/index/file-batch.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import type { Store } from "../../src/store/store.ts";
import { readExCode } from "../kernels/reference/rabit.ts";

/** Codes beyond the sign, value after value, least significant bit first. */
function packSequential(codes: readonly number[], bits: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  codes.forEach((code, i) => {
    for (let bit = 0; bit < bits; bit++) {
      const at = i * bits + bit;
      bytes[at >> 3]! |= ((code >> bit) & 1) << (at & 7);
    }
  });
  return bytes;
}

function listOf(width: number): FixedSizeList {
  return new FixedSizeList(width, new Field("item", new Uint8(), true));
}

function makeLists(bytes: Uint8Array, length: number): Data {
  const items = makeData({ type: new Uint8(), length: bytes.length, nullCount: 0, data: bytes });
  return makeData({ type: listOf(bytes.length / length), length, nullCount: 0, child: items });
}

/** Writes a segment again, under a uuid of its own, with `__ex_codes`, as betas before native 8 had them. */
export async function writeSequentialCodes(
  store: Store,
  segment: IndexSegment,
  { dimension, numBits }: { readonly dimension: number; readonly numBits: number },
): Promise<IndexSegment> {
  const uuid = crypto.randomUUID();
  const { bytes: index } = (await store.get(`_indices/${segment.uuid}/index.idx`))!;
  await store.put(`_indices/${uuid}/index.idx`, index, { mode: "create" });
  const bits = numBits - 1;
  const file = await openLanceFile(store, `_indices/${segment.uuid}/auxiliary.idx`, {});
  const buffers: Uint8Array[] = [];
  for (let i = 1; i < file.numGlobalBuffers; i++) buffers.push(await file.readGlobalBuffer(i));
  const batches: RecordBatch[] = [];
  for await (const batch of file.read(fileColumns(file), { kind: "all" })) batches.push(changeBatch(batch));
  file.close();

  function changeBatch({ schema, data, numRows }: RecordBatch): RecordBatch {
    const columns = schema.fields.map(({ name, type }, i) => ({ name, type, data: data.children[i]! as Data }));
    const at = columns.findIndex(({ name }) => name === "__blocked_ex_codes");
    const blocks = columns[at]!.data.children[0]!.values as Uint8Array;
    const width = blocks.length / numRows;
    const bytes: number[] = [];
    for (let row = 0; row < numRows; row++) {
      const block = blocks.subarray(row * width, (row + 1) * width);
      const codes = Array.from({ length: dimension }, (_, i) => readExCode(block, i, bits));
      bytes.push(...packSequential(codes, bits));
    }
    const codes = makeLists(Uint8Array.from(bytes), numRows);
    columns[at] = { name: "__ex_codes", type: codes.type, data: codes };
    const changed = new Schema(columns.map(({ name, type }) => new Field(name, type, true)));
    const children = columns.map((column) => column.data);
    const struct = new Struct(changed.fields);
    return new RecordBatch(changed, makeData({ type: struct, length: numRows, nullCount: 0, children }));
  }

  const codes = `fixed_size_list:uint8:${Math.ceil((dimension * bits) / 8)}`;
  const known = new Map(file.schema.fields.map(({ name, logicalType }) => [name, logicalType]));
  const fields = batches[0]!.schema.fields.map(({ name }, i) =>
    createIndexField(i, name, name === "__ex_codes" ? codes : known.get(name)!, true),
  );
  const writer = await createLanceFileWriter(store, `_indices/${uuid}/auxiliary.idx`, {
    schema: { fields, metadata: {} },
    metadata: file.metadata,
    version: "2.1",
  });
  for (const buffer of buffers) await writer.addGlobalBuffer(buffer);
  for (const batch of batches) await writer.write(batch);
  const { sizeBytes } = await writer.finish();
  const files = segment.files!.map((entry) => (entry.path === "auxiliary.idx" ? { ...entry, sizeBytes } : entry));
  return { ...segment, uuid, files };
}
