import { LanceError } from "../../errors.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { resolveBasePath } from "../base-paths.ts";
import type { Fragment } from "../fragment.ts";
import { addressDomain } from "../row-ids/row-addresses.ts";
import { RowSet } from "../row-set.ts";
import type { Snapshot } from "../snapshot.ts";
import { decodeDeletionFile, formatDeletionName } from "./deletion-file.ts";

/** Roaring and Arrow both stay below this for any file native writes; what is larger is refused unread. */
const MAX_BYTES_PER_ROW = 16;
const MAX_HEADER_BYTES = 1 << 20;

/**
 * Offsets of a fragment's deleted rows, ascending; `null` when none is. One read the first time, then cached.
 *
 * @throws NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function readDeletions(
  snapshot: Snapshot,
  fragment: Fragment,
  signal?: AbortSignal,
): Promise<Uint32Array | null> {
  const file = fragment.proto.deletionFile;
  if (file === undefined || fragment.numDeletedRows === 0) return null;
  const path = resolveBasePath(snapshot, "_deletions", formatDeletionName(fragment.id, file), file.baseId);
  const expected = { path, numDeletedRows: fragment.numDeletedRows, physicalRows: fragment.physicalRows };
  const offsets = await snapshot.deletions.get(
    path,
    async () => {
      const found = await snapshot.store.get(path, {});
      if (found === undefined) {
        throw new LanceError("NOT_FOUND", `${path} is missing: fragment ${fragment.id} has deleted rows listed there`, {
          path,
          fragmentId: fragment.id,
        });
      }
      if (found.bytes.length > MAX_HEADER_BYTES + MAX_BYTES_PER_ROW * fragment.physicalRows) {
        throw new LanceError("CORRUPT", `${path} has ${found.bytes.length} bytes for ${fragment.physicalRows} rows`, {
          path,
        });
      }
      return decodeDeletionFile(found.bytes, file, expected);
    },
    signal,
  );
  if (offsets.length !== fragment.numDeletedRows) {
    throw new LanceError(
      "CORRUPT",
      `${path} holds ${offsets.length} deletions, the manifest says ${fragment.numDeletedRows}`,
      {
        path,
      },
    );
  }
  return offsets;
}

/** Deletion files read at once. */
const CONCURRENCY = 8;

/** Addresses of all rows that are not deleted, of some fragments or of all. One bit a row. */
export async function readLiveRows(
  snapshot: Snapshot,
  options: { fragmentIds?: readonly number[]; signal?: AbortSignal | undefined } = {},
): Promise<RowSet> {
  const domain = addressDomain(snapshot, options.fragmentIds);
  const deleted = RowSet.empty(domain);
  const fragments = snapshot.fragments.filter((fragment) => domain.has(fragment.id));
  await mapBounded(fragments, CONCURRENCY, async (fragment) => {
    const offsets = await readDeletions(snapshot, fragment, options.signal);
    if (offsets !== null) deleted.addOffsets(fragment.id, offsets);
  });
  return deleted.not();
}
