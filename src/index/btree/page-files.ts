import type { LanceField, LanceSchema } from "../../format/schema.ts";
import { createIndexField } from "../file-batch.ts";

/** Names of the format (index page, section 2, BTREE). */
export const PAGE_DATA = "page_data.lance";
export const PAGE_LOOKUP = "page_lookup.lance";
export const BATCH_SIZE_KEY = "batch_size";
export const RANGE_PARTITIONED_KEY = "range_partitioned";
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
