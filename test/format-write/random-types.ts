import {
  Bool,
  type DataType,
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Int8,
  Int32,
  Int64,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Struct,
  Utf8,
} from "apache-arrow";
import fc from "../support/fast-check.ts";

const LEAVES: readonly DataType[] = [
  new Int32(),
  new Int64(),
  new Float32(),
  new Bool(),
  new Utf8(),
  new LargeUtf8(),
  new Dictionary(new Utf8(), new Int8()),
  new FixedSizeList(3, new Field("item", new Float32(), true)),
  new FixedSizeList(5, new Field("item", new Bool(), true)),
];

/** Types of up to four levels: structs, lists and maps of each other over leaves of every layout, some not nullable. */
export function anyType(): fc.Arbitrary<DataType> {
  const { type } = fc.letrec<{ type: DataType }>((tie) => {
    const field = (name: string) =>
      fc.tuple(tie("type"), fc.boolean()).map(([type, nullable]) => new Field(name, type, nullable));
    const entries = (value: Field) =>
      new Field("entries", new Struct([new Field("key", new Utf8(), false), value]), false) as never;
    return {
      type: fc.oneof(
        { maxDepth: 4, depthSize: "large" },
        fc.constantFrom(...LEAVES),
        field("item").map((item) => new List(item)),
        field("item").map((item) => new LargeList(item)),
        fc.tuple(field("a"), field("b")).map((fields) => new Struct(fields)),
        field("only").map((child) => new Struct([child])),
        field("value").map((value) => new Map_(entries(value))),
      ),
    };
  });
  return type;
}
