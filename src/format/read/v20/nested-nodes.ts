import type { FixedSizeList, Nullable } from "../../../proto/gen/lance/encodings20_pb.ts";
import { settleAll } from "../../../tasks/settle-all.ts";
import {
  type Append,
  type ArrayNode,
  corruptArray,
  countItems,
  type MakeNode,
  type NodeContext,
  type Ranges,
} from "./array-node.ts";
import { ValueSink } from "./value-sink.ts";

/** Values with validity, without, or all null. */
export function createNullableNode(context: NodeContext, encoding: Nullable, make: MakeNode): ArrayNode {
  const { nullability } = encoding;
  switch (nullability.case) {
    case "noNulls":
      return make(nullability.value.values);
    case "someNulls": {
      const validity = make(nullability.value.validity);
      const values = make(nullability.value.values);
      return {
        isIndirect: validity.isIndirect || values.isIndirect,
        bits: values.bits,
        spans: (ranges) => [...validity.spans(ranges), ...values.spans(ranges)],
        async fetch(ranges, toEnd): Promise<Append> {
          const [appendBits, appendValues] = await settleAll([
            validity.fetch(ranges, toEnd),
            values.fetch(ranges, toEnd),
          ]);
          return (sink, level) => {
            const count = countItems(ranges);
            const bits = new ValueSink({ variable: false, itemBits: 1, dimensions: [] }, count);
            appendBits(bits, 0);
            bits.finishTo(count);
            sink.appendValidity(level, count, bits.valueData());
            appendValues(sink, level);
          };
        },
      };
    }
    case "allNulls":
      return {
        isIndirect: false,
        spans: () => [],
        fetch: async (ranges) => (sink, level) => appendNulls(sink, level, countItems(ranges)),
      };
    default:
      throw corruptArray(context, "a nullable encoding that says nothing");
  }
}

function appendNulls(sink: ValueSink, level: number, count: number): void {
  sink.appendValidity(level, count, false);
  if (sink.shape.variable) sink.appendVariable(new Uint32Array(count), []);
  else sink.appendFixed(level, count);
  let items = count;
  // Levels below have items under each null too.
  for (let below = level; below < sink.shape.dimensions.length; below++) {
    items *= sink.shape.dimensions[below]!;
    sink.appendValidity(below + 1, items, true);
  }
}

/** Lists of one size: the items of all lists one after the other. */
export function createFixedSizeListNode(context: NodeContext, encoding: FixedSizeList, make: MakeNode): ArrayNode {
  const items = make(encoding.items);
  const { dimension } = encoding;
  if (encoding.hasValidity || dimension === 0) {
    throw corruptArray(context, `a fixed-size list of ${dimension} items with validity of its own`);
  }
  const expand = (ranges: Ranges) => ranges.map((item) => item * dimension);
  return {
    isIndirect: items.isIndirect,
    spans: (ranges) => items.spans(expand(ranges)),
    async fetch(ranges, toEnd): Promise<Append> {
      const append = await items.fetch(expand(ranges), toEnd);
      return (sink, level) => {
        if (sink.shape.dimensions[level] !== dimension) {
          throw corruptArray(context, `fixed-size lists of ${dimension} items, against the column's type`);
        }
        append(sink, level + 1);
      };
    },
  };
}
