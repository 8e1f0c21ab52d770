import type { Data, DataType } from "apache-arrow";
import type { ArrayKernels } from "../../../kernels/decode-arrays.ts";
import type { ByteSource, ByteSpan } from "../byte-source.ts";
import type { ArrayColumnInfo, ArrayPageInfo } from "./array-metadata.ts";
import { type ArrayNode, countItems, type NodeContext, type Ranges } from "./array-node.ts";
import { makeArrayNode } from "./make-node.ts";
import { createPackedNode } from "./packed-node.ts";

/** A field of a 2.0 file during one read. Items are asked for in ascending order. */
export interface ArrayColumn {
  readonly numItems: number;
  /** What is read first for these items, and of how many pages more is read then. Pure. */
  plan(ranges: Ranges): { spans: ByteSpan[]; numIndirect: number };
  /**
   * Reads items; what comes back builds their Arrow data.
   * @param until the item up to which the read goes on after the last range without a gap
   */
  fetch(ranges: Ranges, until: number): Promise<(type: DataType) => Data>;
}

/** What the columns of one read share. */
export interface ArrayReadContext {
  readonly source: ByteSource;
  readonly kernels: ArrayKernels;
  readonly signal: AbortSignal | undefined;
  readonly columns: readonly ArrayColumnInfo[];
}

/** The part of a read that lies in one page. */
export interface PagePart {
  readonly node: ArrayNode;
  readonly page: ArrayPageInfo;
  /** Counted from the page's first item. */
  readonly ranges: Ranges;
  /** Whether all items after the last range are read too, soon. */
  readonly toEnd: boolean;
}

/** The nodes of a column's pages, made when first needed and dropped once passed. */
export class PageNodes {
  readonly #context: ArrayReadContext;
  readonly #column: { readonly path: string; readonly info: ArrayColumnInfo; readonly isDictionary: boolean };
  readonly #nodes = new Map<number, ArrayNode>();

  constructor(
    context: ArrayReadContext,
    column: { readonly path: string; readonly info: ArrayColumnInfo; readonly isDictionary: boolean },
  ) {
    this.#context = context;
    this.#column = column;
  }

  /** The pages that hold items of these ranges, each with its part, counted from the page's first item. */
  clip(ranges: Ranges, until: number): PagePart[] {
    const parts: PagePart[] = [];
    let at = 0;
    for (const page of this.#column.info.pages) {
      const end = page.firstItem + page.numItems;
      const own: number[] = [];
      while (at < ranges.length && ranges[at + 1]! <= page.firstItem) at += 2;
      for (let i = at; i < ranges.length && ranges[i]! < end; i += 2) {
        own.push(Math.max(ranges[i]!, page.firstItem) - page.firstItem, Math.min(ranges[i + 1]!, end) - page.firstItem);
      }
      if (countItems(own) === 0) continue;
      const isLast = at + 2 >= ranges.length || ranges[ranges.length - 1]! <= end;
      const toEnd = own.at(-1) === page.numItems || (isLast && until >= end);
      parts.push({ node: this.#open(page), page, ranges: own, toEnd });
    }
    for (const index of this.#nodes.keys()) if (index < (parts[0]?.page.index ?? 0)) this.#nodes.delete(index);
    return parts;
  }

  #open(page: ArrayPageInfo): ArrayNode {
    let node = this.#nodes.get(page.index);
    if (!node) {
      node = this.#make(page);
      this.#nodes.set(page.index, node);
    }
    return node;
  }

  #make(info: ArrayPageInfo): ArrayNode {
    const { source, kernels, signal } = this.#context;
    const { path, isDictionary } = this.#column;
    const context: NodeContext = { source, kernels, signal, path, info, isDictionary };
    const encoding = info.encoding.arrayEncoding;
    if (encoding.case === "list") return makeArrayNode(context, encoding.value.offsets);
    if (encoding.case === "packedStruct") return createPackedNode(context, encoding.value.buffer, encoding.value.inner);
    return makeArrayNode(context, info.encoding);
  }
}
