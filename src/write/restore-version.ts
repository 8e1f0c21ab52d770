import { create } from "@bufbuild/protobuf";
import { LanceError } from "../errors.ts";
import { Transaction_RestoreSchema } from "../proto/gen/lance/transaction_pb.ts";
import { commit } from "../table/commit/commit.ts";
import { requireWritable } from "../table/commit/publish.ts";
import { checkWriterFlags } from "../table/manifest/feature-flags.ts";
import { openReference } from "../table/refs/reference.ts";
import { openVersion, type Snapshot } from "../table/snapshot.ts";

/**
 * Commits an old version's content as the newest one.
 *
 * @param options.reference a version of the branch, or a tag on it; default the snapshot's own version
 * @throws NOT_FOUND, INVALID_ARGUMENT, COMMIT_CONFLICT, UNSUPPORTED, IO, ABORTED
 */
export async function restoreVersion(
  snapshot: Snapshot,
  options: { readonly reference?: number | string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Snapshot> {
  const { signal } = options;
  requireWritable(snapshot.store, snapshot.uri);
  const old = options.reference === undefined ? snapshot : await openReference(snapshot, options.reference, signal);
  if ((old.manifest.branch || undefined) !== (snapshot.manifest.branch || undefined)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `"${options.reference}" is a version of branch "${old.manifest.branch || "main"}"; check that branch out to restore it there`,
      { reference: options.reference, branch: old.manifest.branch || "main" },
    );
  }
  const latest = await openVersion(snapshot, { signal });
  checkWriterFlags(latest.manifest);
  const value = create(Transaction_RestoreSchema, { version: BigInt(old.version) });
  return commit(latest, { case: "restore", value }, { signal });
}
