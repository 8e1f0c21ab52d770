import { type ArrayNode, corruptArray, countItems, type NodeContext, type Ranges } from "./array-node.ts";
import { ValueSink } from "./value-sink.ts";

/** What the ends of values or lists say. */
export interface Offsets {
  /** Items of each value. */
  readonly lengths: Uint32Array;
  /** Bit 0: null; absent when none is. */
  readonly validity: Uint8Array | undefined;
  /** Where the items lie, one range for each range asked for that has any. */
  readonly itemRanges: number[];
}

const ENDS = { variable: false, itemBits: 64, dimensions: [] };

/**
 * Reads the ends of values: `end`, or `end + adjustment` for a null (FORMAT.md section 2.4, Binary and List).
 * @throws CORRUPT when ends decrease
 */
export async function fetchOffsets(
  context: NodeContext,
  node: ArrayNode,
  { ranges, toEnd, adjustment }: { ranges: Ranges; toEnd: boolean; adjustment: number },
): Promise<Offsets> {
  if (!(adjustment > 0 && adjustment <= Number.MAX_SAFE_INTEGER)) {
    throw corruptArray(context, `its null adjustment is ${adjustment}`);
  }
  const wanted = withPrevious(ranges);
  const count = countItems(wanted);
  const append = await node.fetch(wanted, toEnd);
  const sink = new ValueSink(ENDS, count);
  append(sink, 0);
  sink.finishTo(count);
  const raw = sink.valueData();
  const words = new Uint32Array(raw.buffer, raw.byteOffset, count * 2);
  const lengths = new Uint32Array(countItems(ranges));
  const itemRanges: number[] = [];
  let validity: Uint8Array | undefined;
  let at = 0;
  let row = 0;
  const endAt = (index: number) => words[2 * index]! + words[2 * index + 1]! * 2 ** 32;
  for (let range = 0; range < ranges.length; range += 2) {
    const start = ranges[range]!;
    const total = ranges[range + 1]! - start;
    if (total <= 0) {
      at += wanted[range + 1]! - wanted[range]!;
      continue;
    }
    let previous = start === 0 ? 0 : endAt(at++) % adjustment;
    const first = previous;
    for (let i = 0; i < total; i++, row++) {
      const value = endAt(at++);
      const isNull = value >= adjustment;
      const end = isNull ? value - adjustment : value;
      if (isNull) {
        validity ??= new Uint8Array(Math.ceil(lengths.length / 8)).fill(0xff);
        validity[row >> 3]! &= ~(1 << (row & 7));
      }
      if (!(end >= previous && end < adjustment && end - previous <= 0xffffffff)) {
        throw corruptArray(context, `its offsets decrease from ${previous} to ${end}`);
      }
      lengths[row] = end - previous;
      previous = end;
    }
    if (previous > first) itemRanges.push(first, previous);
  }
  return { lengths, validity, itemRanges };
}

/** A value starts at the end of the one before; the page's first one at 0. */
export function withPrevious(ranges: Ranges): number[] {
  return ranges.map((item, i) => (i % 2 === 0 ? Math.max(0, item - 1) : item));
}
