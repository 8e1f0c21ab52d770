import { fromBinary } from "@bufbuild/protobuf";
import { Field, Int32, makeData, RecordBatch, Schema, Struct, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { AnyValueSchema } from "../../src/proto/gen/lance/any_pb.ts";
import { PageLayoutSchema } from "../../src/proto/gen/lance/encodings21_pb.ts";
import { FileDescriptorSchema } from "../../src/proto/gen/lance/file_pb.ts";
import { ColumnMetadataSchema } from "../../src/proto/gen/lance/file_v2_pb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { makeLanceSchema } from "./random-tables.ts";

useTestRuntime();

const schema = new Schema([new Field("a", new Int32(), false), new Field("s", new Utf8(), true)]);

function makeBatch(): RecordBatch {
  const children = [
    makeData({ type: new Int32(), data: Int32Array.of(1, 2, 3) }),
    vectorFromArray(["ab", null, "c"], new Utf8()).data[0]!,
  ];
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: 3, children }));
}

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

async function writeFile(version: "2.1" | "2.2") {
  const store = createMemoryStore();
  const writer = await createLanceFileWriter(store, "f.lance", {
    schema: makeLanceSchema(schema),
    version,
    metadata: { note: "x" },
  });
  await writer.write(makeBatch());
  expect(await writer.addGlobalBuffer(Uint8Array.of(7, 8))).toBe(1);
  writer.setMetadata("late", "y");
  const written = await writer.finish();
  const { bytes } = (await store.get("f.lance"))!;
  expect(written).toEqual({
    path: "f.lance",
    blobPaths: [],
    sizeBytes: bytes.length,
    numRows: 3,
    majorVersion: 2,
    minorVersion: version === "2.1" ? 1 : 2,
    fieldIds: [0, 1],
    columnIndices: [0, 1],
  });
  return bytes;
}

test("2.1: every byte of a small file's pages, tables and footer", async () => {
  const bytes = await writeFile("2.1");
  const at = (start: number, length: number) => toHex(bytes.subarray(start, start + length));
  // A global buffer is written when it is added; pages follow as they fill.
  expect(at(0, 2)).toBe("0708");
  // Column a: one chunk of 24 bytes (word 2 << 4), no levels, 12 bytes of values.
  expect(at(64, 2)).toBe("2000");
  expect(at(128, 24)).toBe("00000c0000000000" + "010000000200000003000000" + "00000000");
  // Column s: 3 levels of 6 bytes, then offsets from the chunk buffer's start and the bytes.
  expect(at(192, 2)).toBe("4000");
  expect(at(256, 40)).toBe(
    "0300060014000000" + "0000010000000000" + "10000000120000001200000013000000" + "61626300" + "00000000",
  );
  const footer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 40, 40);
  const [firstColumn, columnTable, globalTable] = [0, 8, 16].map((offset) => Number(footer.getBigUint64(offset, true)));
  expect([24, 28].map((offset) => footer.getUint32(offset, true))).toEqual([2, 2]);
  expect([footer.getUint16(32, true), footer.getUint16(34, true), at(bytes.length - 4, 4)]).toEqual([
    2,
    1,
    toHex(new TextEncoder().encode("LANC")),
  ]);
  const table = new BigUint64Array(bytes.slice(columnTable!, columnTable! + 64).buffer);
  expect(Number(table[0])).toBe(firstColumn);
  expect(globalTable).toBe(columnTable! + 32);
  // The schema is global buffer 0, wherever it lies; our own buffer is 1.
  const descriptorAt = Number(table[4]);
  expect(descriptorAt % 64).toBe(0);
  expect([Number(table[6]), Number(table[7])]).toEqual([0, 2]);
  const descriptor = fromBinary(FileDescriptorSchema, bytes.subarray(descriptorAt, descriptorAt + Number(table[5])));
  expect(descriptor.length).toBe(3n);
  expect(
    descriptor.schema!.fields.map((field) => [field.name, field.id, field.parentId, field.logicalType, field.nullable]),
  ).toEqual([
    ["a", 0, -1, "int32", false],
    ["s", 1, -1, "string", true],
  ]);
  expect(Object.keys(descriptor.schema!.metadata).sort()).toEqual(["late", "note"]);
  const start = Number(table[2]);
  const column = fromBinary(ColumnMetadataSchema, bytes.subarray(start, start + Number(table[3])));
  const page = column.pages[0]!;
  expect([page.bufferOffsets, page.bufferSizes, page.length, page.priority]).toEqual([[192n, 256n], [2n, 40n], 3n, 0n]);
  if (page.encoding?.location.case !== "direct") throw new Error("no direct encoding");
  const any = fromBinary(AnyValueSchema, page.encoding.location.value.encoding);
  expect(any.typeUrl).toBe("/lance.encodings21.PageLayout");
  const { layout } = fromBinary(PageLayoutSchema, any.value);
  if (layout.case !== "miniBlock") throw new Error(`layout ${layout.case}`);
  expect([layout.value.layers, layout.value.numItems, layout.value.hasLargeChunk]).toEqual([[3], 3n, false]);
});

test("2.2: 32-bit chunk words and value lengths", async () => {
  const bytes = await writeFile("2.2");
  expect(toHex(bytes.subarray(64, 68))).toBe("20000000");
  expect(toHex(bytes.subarray(128, 152))).toBe("00000c0000000000" + "010000000200000003000000" + "00000000");
  expect(toHex(bytes.subarray(256, 264))).toBe("0300060014000000");
  expect(bytes[bytes.length - 6]).toBe(2);
});
