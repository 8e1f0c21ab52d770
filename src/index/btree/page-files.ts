import type { LanceField, LanceSchema } from "../../format/schema.ts";
import { createIndexField } from "../file-batch.ts";

/** File of the sorted values (index page, section 2, BTREE). */
export const PAGE_DATA = "page_data.lance";
/** File of the bounds of each page. */
export const PAGE_LOOKUP = "page_lookup.lance";
/** Key of the metadata that tells the rows of a page. */
export const BATCH_SIZE_KEY = "batch_size";
/** Key of the metadata that tells whether the index is in several files by ranges. */
export const RANGE_PARTITIONED_KEY = "range_partitioned";
/** Rows of a page where nothing else is told, as native. */
export const DEFAULT_BATCH_SIZE = 4096;

/** Schema of the sorted values and their row ids. */
export function createPageDataSchema(field: LanceField): LanceSchema {
  return {
    fields: [createIndexField(0, "values", field.logicalType, true), createIndexField(1, "ids", "uint64", false)],
    metadata: {},
  };
}

/** Schema of the table of pages. */
export function createPageLookupSchema(field: LanceField): LanceSchema {
  return {
    fields: [
      createIndexField(0, "min", field.logicalType, true),
      createIndexField(1, "max", field.logicalType, true),
      createIndexField(2, "null_count", "uint32", false),
      createIndexField(3, "page_idx", "uint32", false),
    ],
    metadata: {},
  };
}
