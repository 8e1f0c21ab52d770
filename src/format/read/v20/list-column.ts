import { LanceError } from "../../../errors.ts";
import { settleAll } from "../../../tasks/settle-all.ts";
import { joinList } from "../build-data.ts";
import type { ArrayColumnInfo } from "./array-metadata.ts";
import type { NodeContext } from "./array-node.ts";
import { copyBits, fillBits } from "./bit-copy.ts";
import { fetchOffsets, type Offsets, withPrevious } from "./offsets.ts";
import { type ArrayColumn, type ArrayReadContext, PageNodes } from "./page-nodes.ts";

/**
 * Lists: ends in one column, items in the next ones. Two reads for each depth of lists.
 */
export function createListColumn(
  context: ArrayReadContext,
  { path, info, items }: { path: string; info: ArrayColumnInfo; items: ArrayColumn },
): ArrayColumn {
  const firstItems = countFirstItems(context, { path, info, numItems: items.numItems });
  const pages = new PageNodes(context, { path, info, isDictionary: false });
  return {
    numItems: info.numItems,
    plan(ranges) {
      const parts = pages.clip(ranges, 0);
      const spans = parts.flatMap(({ node, ranges: own }) => node.spans(withPrevious(own)));
      return { spans, numIndirect: parts.length };
    },
    async fetch(ranges, until) {
      const parts = pages.clip(ranges, until);
      const offsets = await settleAll(
        parts.map(({ node, page, ranges: own, toEnd }) => {
          const encoding = page.encoding.arrayEncoding;
          const adjustment = encoding.case === "list" ? Number(encoding.value.nullOffsetAdjustment) : 0;
          const nodeContext: NodeContext = { ...context, path, info: page, isDictionary: false };
          return fetchOffsets(nodeContext, node, { ranges: own, toEnd, adjustment });
        }),
      );
      const itemRanges: number[] = [];
      for (const [i, { page }] of parts.entries()) {
        const first = firstItems[page.index]!;
        const pageItems = (firstItems[page.index + 1] ?? items.numItems) - first;
        for (let at = 0; at < offsets[i]!.itemRanges.length; at += 2) {
          const [start, end] = [offsets[i]!.itemRanges[at]!, offsets[i]!.itemRanges[at + 1]!];
          if (end > pageItems) {
            throw corruptList(context, path, `page ${page.index} points to item ${end} of ${pageItems}`);
          }
          if (itemRanges.at(-1) === first + start) itemRanges[itemRanges.length - 1] = first + end;
          else itemRanges.push(first + start, first + end);
        }
      }
      // Where the read takes the last page of lists to its end, it takes their items to theirs.
      const last = parts.at(-1);
      const itemsUntil = last?.toEnd ? firstItems[last.page.index + 1]! : 0;
      const build = await items.fetch(itemRanges, itemsUntil);
      const { ends, slots } = joinOffsets(context, path, offsets);
      return (type) => joinList({ path }, type, { slots, children: [build(type.children![0]!.type)], offsets: ends });
    },
  };
}

/** The item each page of lists begins with, and the end. @throws CORRUPT when they do not add up to the items there are */
function countFirstItems(
  context: ArrayReadContext,
  { path, info, numItems }: { path: string; info: ArrayColumnInfo; numItems: number },
): number[] {
  const firsts = [0];
  for (const page of info.pages) {
    const encoding = page.encoding.arrayEncoding;
    if (encoding.case !== "list" && page.numItems > 0) {
      throw corruptList(context, path, `page ${page.index} holds a ${encoding.case} encoding where lists are expected`);
    }
    firsts.push(firsts.at(-1)! + (encoding.case === "list" ? Number(encoding.value.numItems) : 0));
  }
  if (firsts.at(-1) !== numItems) {
    throw corruptList(context, path, `its lists hold ${firsts.at(-1)} items, its items column ${numItems}`);
  }
  return firsts;
}

function joinOffsets(context: ArrayReadContext, path: string, parts: readonly Offsets[]) {
  const length = parts.reduce((sum, { lengths }) => sum + lengths.length, 0);
  const ends = new Int32Array(length + 1);
  const hasNulls = parts.some(({ validity }) => validity !== undefined);
  const nullBitmap = hasNulls ? new Uint8Array(Math.ceil(length / 8)) : undefined;
  let row = 0;
  let end = 0;
  let nullCount = 0;
  for (const { lengths, validity } of parts) {
    if (nullBitmap) {
      if (validity) copyBits(validity, 0, { target: nullBitmap, at: row, count: lengths.length });
      else fillBits(nullBitmap, row, lengths.length);
    }
    for (let i = 0; i < lengths.length; i++) {
      if (validity && ((validity[i >> 3]! >> (i & 7)) & 1) === 0) nullCount++;
      end += lengths[i]!;
      if (end > 0x7fffffff) {
        throw new LanceError(
          "UNSUPPORTED",
          `column "${path}": a batch of over 2^31 − 1 items; read fewer rows at a time`,
          {
            path: context.source.path,
            column: path,
          },
        );
      }
      ends[++row] = end;
    }
  }
  return { ends, slots: { length, nullCount, nullBitmap } };
}

function corruptList({ source }: ArrayReadContext, column: string, what: string): LanceError {
  return new LanceError("CORRUPT", `${source.path}: column "${column}": ${what}`, { path: source.path, column });
}
