import { LanceError } from "../errors.ts";
import type { BlobFile } from "../table/rows/blob-file.ts";
import { readBlobs } from "../table/rows/blobs.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { checkOptionNames } from "./check-options.ts";
import { locateRowIds } from "./row-ids.ts";
import { locateOffsets, toRowIds } from "./take.ts";

/** Which rows' blobs: one of the three. */
export interface TakeBlobsOptions {
  /** As `_rowid` has them. */
  readonly rowIds?: ArrayLike<bigint | number> | undefined;
  /** Positions among the live rows. */
  readonly indices?: ArrayLike<number> | undefined;
  /** As `_rowaddr` has them; deleted rows are given too. */
  readonly addresses?: ArrayLike<bigint | number> | undefined;
  readonly signal?: AbortSignal | undefined;
}

const KEYS = new Set<string>(["rowIds", "indices", "addresses", "signal"] satisfies (keyof TakeBlobsOptions)[]);

/**
 * The blobs of some rows, their bytes on demand; `null` where a row has none.
 * @throws INVALID_ARGUMENT, NOT_FOUND naming the first row that is gone, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function takeBlobs(
  snapshot: Snapshot,
  column: string,
  options: TakeBlobsOptions,
): Promise<(BlobFile | null)[]> {
  checkOptionNames(options, KEYS, "takeBlobs");
  const { rowIds, indices, addresses, signal } = options;
  const given = [rowIds, indices, addresses].filter((rows) => rows !== undefined);
  if (given.length !== 1) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `takeBlobs: expected one of rowIds, indices and addresses, received ${given.length}`,
      { received: given.length },
    );
  }
  const rows =
    rowIds !== undefined
      ? await locateRowIds(snapshot, toRowIds(rowIds), signal)
      : indices !== undefined
        ? await locateOffsets(snapshot, indices, signal)
        : toRowIds(addresses!);
  return readBlobs(snapshot, column, rows, { signal });
}
