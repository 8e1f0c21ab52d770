import { LanceError } from "../../errors.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { type TabularData, toRecordBatches } from "../input/input.ts";
import { type AppendRowsOptions, appendRows } from "./append-rows.ts";
import { overwriteTable } from "./overwrite-table.ts";

/** How rows are inserted. */
export interface InsertOptions extends AppendRowsOptions {
  /** `append` (default) adds the rows; `overwrite` replaces columns and rows by those given. */
  readonly mode?: "append" | "overwrite" | undefined;
}

/** Appends rows, or replaces all. @throws as {@link appendRows} and {@link overwriteTable} */
export async function insertRows(snapshot: Snapshot, data: TabularData, options: InsertOptions): Promise<Snapshot> {
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
