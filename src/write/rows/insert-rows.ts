import { LanceError } from "../../errors.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { type TabularData, toRecordBatches } from "../input/input.ts";
import { type AppendRowsOptions, appendRows } from "./append-rows.ts";
import { overwriteTable } from "./overwrite-table.ts";

/** How rows are inserted. */
export interface InsertOptions extends AppendRowsOptions {
  /** `append` (default) adds the rows; `overwrite` replaces columns and rows by those given. */
  readonly mode?: "append" | "overwrite" | undefined;
}

const KEYS = new Set<string>([
  "mode",
  "maxRowsPerFile",
  "maxBytesPerFile",
  "properties",
  "signal",
  "onProgress",
] satisfies (keyof InsertOptions)[]);

/** Appends rows, or replaces all. @throws INVALID_ARGUMENT (an unknown option), and as {@link appendRows} and {@link overwriteTable} */
export async function insertRows(snapshot: Snapshot, data: TabularData, options: InsertOptions): Promise<Snapshot> {
  checkOptionNames(options, KEYS, "insert");
  const { mode = "append", ...rest } = options;
  if (mode === "append") return appendRows(snapshot, data, rest);
  if (mode === "overwrite") {
    return overwriteTable(snapshot, await toRecordBatches(data, { signal: options.signal }), rest);
  }
  throw new LanceError(
    "INVALID_ARGUMENT",
    `mode: expected "append" or "overwrite", received ${JSON.stringify(mode)}; writeDataset creates tables`,
    { mode },
  );
}
