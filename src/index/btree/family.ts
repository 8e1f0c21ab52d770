import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { loadBuildKernels } from "../../kernels/build.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { checkSame } from "../incompatible.ts";
import { checkParamNames, readIntegerParam } from "../params.ts";
import type { FamilyContext, IndexFamily, SegmentWriter } from "../segment.ts";
import { mergeSources } from "./merge-sources.ts";
import { DEFAULT_BATCH_SIZE, PAGE_DATA, PAGE_LOOKUP } from "./page-files.ts";
import { readBatchSize } from "./page-lookup.ts";
import { openBTree, openBTreeFiles } from "./reader.ts";
import { keepRows, openSegmentSource, remapRows, type SegmentSource } from "./segment-source.ts";
import { sortRows } from "./sort-rows.ts";
import type { SortedSource } from "./sorted-run.ts";
import { findValueType, getValueType } from "./value-type.ts";
import { writePages } from "./write-pages.ts";

/** Rows per page; native calls it `zone_size`. */
const MAX_BATCH_SIZE = 1 << 20;

interface Output {
  readonly field: LanceField;
  readonly batchSize: number;
  readonly writer: SegmentWriter;
  readonly context: FamilyContext;
  readonly totalRows: number;
}

/** BTREE: values sorted into pages, with a table of the pages' bounds. Exact answers, three-valued. */
export const btreeFamily: IndexFamily = {
  queryKind: "scalar",
  typeUrl: "/lance.table.BTreeIndexDetails",
  displayName: () => "BTree",
  // Version 1 says "addresses" on tables with stable row ids (index page, section 1).
  indexVersion: (stableRowIds) => (stableRowIds ? 1 : 0),
  rowIdDomain: "address",
  listFiles: () => [PAGE_DATA, PAGE_LOOKUP],

  resolveParams(field, params) {
    getValueType(field);
    checkParamNames("BTREE", params, ["zoneSize"]);
    const zoneSize = readIntegerParam(params, "zoneSize", {
      min: 1,
      max: MAX_BATCH_SIZE,
      fallback: DEFAULT_BATCH_SIZE,
    });
    return { zoneSize };
  },

  encodeDetails: () => new Uint8Array(0),
  decodeDetails: () => ({}),

  async build(source, params, _model, writer, context) {
    const batchSize = (params.zoneSize as number | undefined) ?? DEFAULT_BATCH_SIZE;
    const output = { field: source.field, batchSize, writer, context, totalRows: source.numRows };
    const giveWay = createGiveWay(context.signal);
    const kernels = await loadBuildKernels();
    const type = getValueType(source.field);
    await writeMerged(await sortRows(source, { type, kernels, scratch: writer.scratch, giveWay, context }), output);
  },

  async checkCompatible(segments, purpose) {
    await settleAll(segments.map((segment) => openBTreeFiles(segment)));
    if (purpose === "commit") return;
    const versions = segments.map(({ segment }) => segment.indexVersion);
    checkSame(segments, "index version", versions, "They name rows in different ways: rebuild one of them.");
  },

  async merge(segments, newRows, writer, context) {
    const field = segments[0]?.field ?? newRows?.field;
    if (!field) throw new LanceError("INVALID_ARGUMENT", "nothing to merge: at least one segment is required");
    const giveWay = createGiveWay(context.signal);
    const merged: SegmentSource[] = [];
    for (const [i, segment] of segments.entries()) {
      merged.push(await openSegmentSource(segment, keepRows(context.keepRows[i]!), context.signal));
    }
    // The page size of the segment with most rows, the first of equals: it decides for most of the new pages too.
    const largest = merged.reduce<SegmentSource | undefined>(
      (best, source) => (best && best.numRows >= source.numRows ? best : source),
      undefined,
    );
    const totalRows = merged.reduce((sum, source) => sum + source.numRows, newRows?.numRows ?? 0);
    const sources: SortedSource[] = [...merged];
    if (newRows) {
      const kernels = await loadBuildKernels();
      const type = getValueType(field);
      sources.push(...(await sortRows(newRows, { type, kernels, scratch: writer.scratch, giveWay, context })));
    }
    const batchSize = largest?.batchSize ?? DEFAULT_BATCH_SIZE;
    await writeMerged(sources, { field, batchSize, writer, context, totalRows });
  },

  async remap(segment, rowIdMap, writer, context) {
    const source = await openSegmentSource(segment, remapRows(rowIdMap), context.signal);
    const { batchSize, numRows: totalRows } = source;
    await writeMerged([source], { field: segment.field, batchSize, writer, context, totalRows });
  },

  async readRecipe(segment, signal) {
    const { lookup } = await openBTreeFiles(segment, signal);
    return { params: { zoneSize: readBatchSize(lookup) }, model: null };
  },

  canServe(query, field) {
    const type = findValueType(field);
    if (!type || (query.kind === "likePrefix" && type.literal !== "string")) return { exactness: "no", cost: 0 };
    return { exactness: "exact", cost: DEFAULT_BATCH_SIZE * (type.widthBytes + 8) };
  },

  open: openBTree,
};

async function writeMerged(sources: readonly SortedSource[], output: Output): Promise<void> {
  const { field, batchSize, writer, context, totalRows } = output;
  const pages = mergeSources(getValueType(field), sources, batchSize, createGiveWay(context.signal));
  await writePages(field, pages, batchSize, writer, { ...context, totalRows });
}
