import type { Dictionary } from "../../../proto/gen/lance/encodings20_pb.ts";
import { settleAll } from "../../../tasks/settle-all.ts";
import type { LeafShape } from "../leaf-column.ts";
import {
  type Append,
  type ArrayNode,
  corruptArray,
  countItems,
  type MakeNode,
  type NodeContext,
} from "./array-node.ts";
import { copyBits } from "./bit-copy.ts";
import { tooLarge, ValueSink } from "./value-sink.ts";

/** Items no page has: indices are 8 to 64 bits, and every item has bytes. */
const MAX_ITEMS = 1 << 24;

/**
 * Indices into the page's own items. Where the column is no Arrow dictionary, index 0 is null and item `i` is
 * `items[i − 1]`.
 */
export function createDictionaryNode(context: NodeContext, encoding: Dictionary, make: MakeNode): ArrayNode {
  const indices = make(encoding.indices);
  const items = make(encoding.items);
  const numItems = encoding.numDictionaryItems;
  const indexBits = indices.bits ?? 8;
  if (![8, 16, 32, 64].includes(indexBits)) throw corruptArray(context, `dictionary indices of ${indexBits} bits`);
  if (numItems > MAX_ITEMS) throw corruptArray(context, `a dictionary of ${numItems} items`);
  // A page gives its items to every batch of a read.
  let pending: Promise<Append> | undefined;
  let dictionary: ValueSink | undefined;
  return {
    isIndirect: indices.isIndirect || items.isIndirect,
    spans: (ranges) => [...indices.spans(ranges), ...items.spans([0, numItems])],
    async fetch(ranges, toEnd) {
      pending ??= items.fetch([0, numItems], false);
      const [appendIndices, appendItems] = await settleAll([indices.fetch(ranges, toEnd), pending]);
      return (sink, level) => {
        const count = countItems(ranges);
        const chosen = new ValueSink({ variable: false, itemBits: indexBits, dimensions: [] }, count);
        appendIndices(chosen, 0);
        chosen.finishTo(count);
        dictionary ??= decodeItems(shapeAt(sink, level), numItems, appendItems);
        const { rows, validity } = resolveIndices(context, { chosen, indexBits, dictionary });
        if (validity) sink.appendValidity(level, count, validity);
        appendItemsOf(sink, level, dictionary, rows);
      };
    },
  };
}

function decodeItems(shape: LeafShape, numItems: number, append: Append): ValueSink {
  const sink = new ValueSink(shape, numItems);
  append(sink, 0);
  sink.finishTo(numItems);
  return sink;
}

function shapeAt(sink: ValueSink, level: number): LeafShape {
  return { ...sink.shape, dimensions: sink.shape.dimensions.slice(level) };
}

/** The item of each row, and which rows are null: a null slot may hold any index. */
function resolveIndices(
  context: NodeContext,
  { chosen, indexBits, dictionary }: { chosen: ValueSink; indexBits: number; dictionary: ValueSink },
): { rows: Float64Array; validity: Uint8Array | undefined } {
  const raw = chosen.valueData();
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const given = chosen.layerValidity();
  const items = dictionary.layerValidity();
  const rows = new Float64Array(chosen.numValues);
  const shift = context.isDictionary ? 0 : 1;
  let validity: Uint8Array | undefined;
  for (let row = 0; row < rows.length; row++) {
    const index =
      indexBits === 8
        ? raw[row]!
        : indexBits === 16
          ? view.getUint16(row * 2, true)
          : indexBits === 32
            ? view.getUint32(row * 4, true)
            : Number(view.getBigUint64(row * 8, true));
    const isSet = given === undefined || (given[row >> 3]! & (1 << (row & 7))) !== 0;
    const item = isSet ? index - shift : -1;
    if (item >= dictionary.numValues) {
      throw corruptArray(context, `index ${index} into a dictionary of ${dictionary.numValues} items`);
    }
    rows[row] = item;
    if (item < 0 || (items && (items[item >> 3]! & (1 << (item & 7))) === 0)) {
      validity ??= new Uint8Array(Math.ceil(rows.length / 8)).fill(0xff);
      validity[row >> 3]! &= ~(1 << (row & 7));
    }
  }
  return { rows, validity };
}

function appendItemsOf(sink: ValueSink, level: number, dictionary: ValueSink, rows: Float64Array): void {
  const data = dictionary.valueData();
  if (sink.shape.variable) {
    const offsets = dictionary.valueOffsets();
    const lengths = new Uint32Array(rows.length);
    let total = 0;
    for (let row = 0; row < rows.length; row++) {
      const item = rows[row]!;
      if (item >= 0) total += lengths[row] = offsets[item + 1]! - offsets[item]!;
    }
    if (total > 0x7fffffff) throw tooLarge(total);
    const bytes = new Uint8Array(total);
    let at = 0;
    for (let row = 0; row < rows.length; row++) {
      if (lengths[row] === 0) continue;
      const start = offsets[rows[row]!]!;
      bytes.set(data.subarray(start, start + lengths[row]!), at);
      at += lengths[row]!;
    }
    sink.appendVariable(lengths, [bytes]);
    return;
  }
  const bits = sink.bitsPerItem(level);
  const target = new Uint8Array(Math.ceil((rows.length * bits) / 8));
  for (let row = 0; row < rows.length; row++) {
    if (rows[row]! >= 0) copyBits(data, rows[row]! * bits, { target, at: row * bits, count: bits });
  }
  sink.appendFixed(level, rows.length, target);
}
