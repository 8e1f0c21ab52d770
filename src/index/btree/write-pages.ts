import { makeData, Uint32, Uint64 } from "apache-arrow";
import { toArrowSchema } from "../../format/arrow-schema.ts";
import type { LanceField } from "../../format/schema.ts";
import { createBatch } from "../file-batch.ts";
import type { FamilyContext, SegmentWriter } from "../segment.ts";
import {
  BATCH_SIZE_KEY,
  createPageDataSchema,
  createPageLookupSchema,
  PAGE_DATA,
  PAGE_LOOKUP,
  RANGE_PARTITIONED_KEY,
} from "./page-files.ts";
import type { SortedRows } from "./sorted-run.ts";
import { concatColumns, gatherColumns, toArrowData, type ValueColumn } from "./value-column.ts";
import { getValueType } from "./value-type.ts";

/**
 * Streams pages in index order into the two files of a BTREE. Every page but the last must have `batchSize` rows:
 * readers compute where a page starts. Memory: one page, and two values per page.
 */
export async function writePages(
  field: LanceField,
  pages: AsyncIterable<SortedRows>,
  batchSize: number,
  writer: SegmentWriter,
  context: FamilyContext & { readonly totalRows: number },
): Promise<void> {
  const type = getValueType(field);
  const dataSchema = createPageDataSchema(field);
  const arrowSchema = toArrowSchema(dataSchema);
  const dataFile = await writer.createFile(PAGE_DATA, dataSchema);
  const bounds: ValueColumn[] = [];
  const nullCounts: number[] = [];
  let done = 0;
  for await (const { column, ids } of pages) {
    const idData = makeData({ type: new Uint64(), length: ids.length, nullCount: 0, data: ids });
    const values = toArrowData(column, arrowSchema.fields[0]!.type);
    await dataFile.write(createBatch(arrowSchema, ids.length, [values, idData]));
    bounds.push(gatherColumns([column], null, Uint32Array.of(0, column.length - 1), type));
    nullCounts.push(column.nullCount);
    done += ids.length;
    context.reportProgress?.({ phase: "write", done, total: context.totalRows, unit: "rows" });
  }
  await dataFile.finish();
  await writeLookup(field, concatColumns(type, bounds), nullCounts, batchSize, writer);
}

async function writeLookup(
  field: LanceField,
  bounds: ValueColumn,
  nullCounts: readonly number[],
  batchSize: number,
  writer: SegmentWriter,
): Promise<void> {
  const numPages = nullCounts.length;
  const schema = createPageLookupSchema(field);
  const arrowSchema = toArrowSchema(schema);
  const file = await writer.createFile(PAGE_LOOKUP, schema, {
    [BATCH_SIZE_KEY]: String(batchSize),
    [RANGE_PARTITIONED_KEY]: "false",
  });
  if (numPages > 0) {
    const pickEvery = (start: number) => Uint32Array.from({ length: numPages }, (_, i) => 2 * i + start);
    const makeNumbers = (data: Uint32Array) => makeData({ type: new Uint32(), length: numPages, nullCount: 0, data });
    const makeBounds = (start: number) =>
      toArrowData(gatherColumns([bounds], null, pickEvery(start), bounds.type), arrowSchema.fields[start]!.type);
    await file.write(
      createBatch(arrowSchema, numPages, [
        makeBounds(0),
        makeBounds(1),
        makeNumbers(Uint32Array.from(nullCounts)),
        makeNumbers(Uint32Array.from({ length: numPages }, (_, i) => i)),
      ]),
    );
  }
  await file.finish();
}
