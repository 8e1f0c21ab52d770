import type { Binary, FixedSizeBinary, Fsst } from "../../../proto/gen/lance/encodings20_pb.ts";
import type { ByteSpan } from "../byte-source.ts";
import {
  type ArrayNode,
  corruptArray,
  countItems,
  type MakeNode,
  type NodeContext,
  type Ranges,
} from "./array-node.ts";
import { fetchOffsets, withPrevious } from "./offsets.ts";
import { ValueSink } from "./value-sink.ts";

/** Values of different lengths: the length of each, their bytes end to end, and which are not null. */
interface VariableValues {
  readonly lengths: Uint32Array;
  readonly bytes: Uint8Array;
  readonly validity: Uint8Array | undefined;
}

/** A node of variable-width values. */
interface VariableNode extends ArrayNode {
  fetchValues(ranges: Ranges, toEnd: boolean): Promise<VariableValues>;
}

const BYTES = { variable: false, itemBits: 8, dimensions: [] };

function createVariableNode(
  spans: (ranges: Ranges) => ByteSpan[],
  fetchValues: VariableNode["fetchValues"],
  isIndirect = true,
): VariableNode {
  return {
    isIndirect,
    spans,
    fetchValues,
    async fetch(ranges, toEnd) {
      const { lengths, bytes, validity } = await fetchValues(ranges, toEnd);
      return (sink, level) => {
        if (validity) sink.appendValidity(level, lengths.length, validity);
        sink.appendVariable(lengths, [bytes]);
      };
    },
  };
}

/** Ends of values, then their bytes: two reads, the second when the ends are known. */
export function createBinaryNode(context: NodeContext, encoding: Binary, make: MakeNode): VariableNode {
  const ends = make(encoding.indices);
  const bytes = make(encoding.bytes);
  const adjustment = Number(encoding.nullAdjustment);
  return createVariableNode(
    (ranges) => ends.spans(withPrevious(ranges)),
    async (ranges, toEnd) => {
      const offsets = await fetchOffsets(context, ends, { ranges, toEnd, adjustment });
      return { ...offsets, bytes: await readBytes(bytes, offsets.itemRanges, toEnd) };
    },
  );
}

/** Values of one length without offsets. */
export function createFixedSizeBinaryNode(
  context: NodeContext,
  encoding: FixedSizeBinary,
  make: MakeNode,
): VariableNode {
  const { byteWidth } = encoding;
  const bytes = make(encoding.bytes);
  if (byteWidth === 0) throw corruptArray(context, "values of no bytes");
  const expand = (ranges: Ranges) => ranges.map((item) => item * byteWidth);
  return createVariableNode(
    (ranges) => bytes.spans(expand(ranges)),
    async (ranges, toEnd) => ({
      lengths: new Uint32Array(countItems(ranges)).fill(byteWidth),
      bytes: await readBytes(bytes, expand(ranges), toEnd),
      validity: undefined,
    }),
    false,
  );
}

/** Variable-width values, each compressed with the page's symbols. */
export function createFsstNode(context: NodeContext, encoding: Fsst, make: MakeNode): VariableNode {
  const inner = make(encoding.binary) as Partial<VariableNode> & ArrayNode;
  const { fetchValues } = inner;
  if (!fetchValues) throw corruptArray(context, "symbols over values that are not variable-width");
  return createVariableNode(inner.spans, async (ranges, toEnd) => {
    const { lengths, bytes, validity } = await fetchValues(ranges, toEnd);
    const expanded = context.kernels.expandSymbols(encoding.symbolTable, bytes, lengths);
    return { lengths, bytes: expanded, validity };
  });
}

async function readBytes(node: ArrayNode, ranges: Ranges, toEnd: boolean): Promise<Uint8Array> {
  const count = countItems(ranges);
  const append = await node.fetch(ranges, toEnd);
  const sink = new ValueSink(BYTES, count);
  append(sink, 0);
  sink.finishTo(count);
  return sink.valueData();
}
