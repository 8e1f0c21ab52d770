import { LanceError } from "../errors.ts";
import type { LanceFile } from "../format/read/file.ts";

/**
 * Refuses a file that claims more rows than it can hold: every row of an index file has an id or a number of its own,
 * and those take at least a bit each. Called before anything is sized by the row count.
 * @throws CORRUPT
 */
export function checkRowCount(file: LanceFile): void {
  const most = file.sizeBytes * 8;
  if (file.numRows <= most) return;
  throw new LanceError("CORRUPT", `${file.path} claims ${file.numRows} rows in ${file.sizeBytes} bytes`, {
    path: file.path,
    numRows: file.numRows,
    sizeBytes: file.sizeBytes,
  });
}
