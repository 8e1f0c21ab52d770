import { Field, Int32, List, Schema, Struct, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { toArrowField, toArrowSchema } from "../../src/format/arrow-schema.ts";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import { parseLogicalType } from "../../src/format/logical-type.ts";
import { type LanceField, readSchema, writeFields } from "../../src/format/schema.ts";
import { FIXTURES, listLanceFiles, openFixture } from "./support.ts";

/** FORMAT.md section 1.3, every logical type that stands without children. */
const LEAF_TYPES = [
  "null",
  "bool",
  ...["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"],
  ...["halffloat", "float", "double"],
  ...["string", "large_string", "binary", "large_binary", "json"],
  "fixed_size_binary:5",
  ...["date32:day", "date64:ms", "time32:s", "time32:ms", "time64:us", "time64:ns"],
  ...["timestamp:s:-", "timestamp:ms:-", "timestamp:us:UTC", "timestamp:ns:+02:00"],
  ...["duration:s", "duration:ms", "duration:us", "duration:ns"],
  ...["decimal:128:20:2", "decimal:256:50:3", "decimal:128:9:-2"],
  ...["fixed_size_list:float:128", "fixed_size_list:halffloat:4", "fixed_size_list:fixed_size_list:uint8:2:3"],
  "dict:string:int32:false",
  "dict:timestamp:us:-:int8:false",
];

const leaf = (logicalType: string, extra: Partial<LanceField> = {}): LanceField => ({
  id: 0,
  parentId: -1,
  name: "c",
  logicalType,
  nullable: true,
  metadata: {},
  children: [],
  ...extra,
});

describe("logical types", () => {
  test.each(LEAF_TYPES)("%s goes to Arrow and back", (logicalType) => {
    const extension = logicalType === "json" ? { "ARROW:extension:name": new TextEncoder().encode("lance.json") } : {};
    const arrow = toArrowField(leaf(logicalType, { metadata: extension }));
    const [back] = fromArrowSchema(new Schema([arrow])).fields;
    expect(back).toMatchObject({ name: "c", logicalType, nullable: true, metadata: extension });
  });

  test("bfloat16 vectors open as two-byte items", () => {
    expect(String(toArrowField(leaf("fixed_size_list:lance.bfloat16:8")).type)).toBe(
      "FixedSizeList[8]<FixedSizeBinary[2]>",
    );
  });

  test.each(["", "int7", "timestamp:h:-", "fixed_size_list:float", "decimal:64:3:2", "dict:string"])(
    "%j is UNSUPPORTED",
    (text) => {
      expect(() => parseLogicalType(text)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
    },
  );

  test.each(["fixed_size_binary:x", "fixed_size_list:float:-1", "fixed_size_list:float:9999999999"])(
    "%j is CORRUPT",
    (text) => {
      expect(() => parseLogicalType(text)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    },
  );
});

test("nested Arrow types keep their ids in pre-order, counted from where the caller says", () => {
  const items = new Field(
    "item",
    new Struct([new Field("k", new Utf8(), false), new Field("v", new Int32(), true)]),
    true,
  );
  const schema = fromArrowSchema(
    new Schema([new Field("a", new Int32(), true), new Field("l", new List(items), true)]),
    {
      firstFieldId: 7,
    },
  );
  const flat = writeFields(schema).map(({ id, parentId, name, logicalType }) => [id, parentId, name, logicalType]);
  expect(flat).toEqual([
    [7, -1, "a", "int32"],
    [8, -1, "l", "list.struct"],
    [9, 8, "item", "struct"],
    [10, 9, "k", "string"],
    [11, 9, "v", "int32"],
  ]);
  expect(readSchema(writeFields(schema)).fields.map(stripProto)).toEqual(schema.fields.map(stripProto));
});

test("a native schema is the same after Arrow and back", async () => {
  const [path] = (await listLanceFiles(FIXTURES)).filter((name) => /types_v22\.lance.data/.test(name));
  const { schema } = await openFixture(path!);
  const back = fromArrowSchema(toArrowSchema(schema));
  expect(back.fields.map(stripProto)).toEqual(schema.fields.map(stripProto));
});

test("a parent that is missing and an id that is there twice are CORRUPT", () => {
  const [one] = writeFields({ fields: [leaf("int32")], metadata: {} });
  expect(() => readSchema([{ ...one!, parentId: 5 }])).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  expect(() => readSchema([one!, one!])).toThrow(expect.objectContaining({ code: "CORRUPT" }));
});

function stripProto({ proto: _, ...field }: LanceField): unknown {
  return { ...field, children: field.children.map(stripProto) };
}
