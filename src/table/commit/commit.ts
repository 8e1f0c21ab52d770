import { isLanceError, LanceError, throwIfAborted } from "../../errors.ts";
import type { IndexMetadata } from "../../proto/gen/lance/table_pb.ts";
import type { Transaction } from "../../proto/gen/lance/transaction_pb.ts";
import { drawUuid } from "../../store/uuid.ts";
import { backOff } from "../../tasks/sleep.ts";
import { checkWriterFlags } from "../manifest/feature-flags.ts";
import { probeVersion } from "../manifest/probe-version.ts";
import { readManifestFromTail, readTransactionOf } from "../manifest/read-manifest.ts";
import { createSnapshot, openVersion, type Snapshot } from "../snapshot.ts";
import { buildNextVersion } from "./build-manifest.ts";
import type { Coverage } from "./conflict-verdict.ts";
import { judgeConflict } from "./conflicts.ts";
import type { RowAddressRule } from "./index-coverage.ts";
import { FRAGMENT_REUSE_INDEX, uuidOf } from "./index-identity.ts";
import type { Operation, RebasableOperation } from "./operation.ts";
import { createTransaction, deleteQuietly, formatTransactionName, publishVersion, requireWritable } from "./publish.ts";
import { readCoverage, rebaseOperation } from "./rebase.ts";

/** How a commit runs. */
export interface CommitOptions {
  /** Attempts after the first, each on a newer version. */
  readonly maxRetries?: number;
  readonly signal?: AbortSignal | undefined;
  /** Kept with the transaction. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /**
   * Gives the whole fragment reuse index a rewrite leaves on top of a version: where rows went, so that indexes need no
   * remapping now. Built from that of the version read. Asked once an attempt.
   */
  readonly fragmentReuse?: ((version: number) => Promise<IndexMetadata>) | undefined;
  /**
   * Which indexes answer with row addresses, even where rows have stable ids: they let go of rows an update or a rewrite
   * moves. Default: all do. What index types there are is known above this room.
   */
  readonly holdsRowAddresses?: RowAddressRule | undefined;
  /** Version of the data files from an overwrite on, as `2.1`. Default: that of its files, or the table's. */
  readonly storageVersion?: string | undefined;
}

const DEFAULT_MAX_RETRIES = 1000;
const RETRY_BUDGET_MS = 30_000;
/** Versions committed meanwhile that are read at once. */
const CONCURRENT_READS = 8;
const FIRST_BACKOFF_MS = 4;
const MAX_BACKOFF_MS = 500;

/**
 * Makes an operation the table's next version (format page section 1.4): judge it against every version committed
 * since `snapshot`, rebase it, put the manifest where no such version exists, and go round again when another writer
 * was first. Nothing is locked; what the operation refers to must be durable before.
 *
 * @param snapshot the version the operation was computed at
 * New fragments need no id. With stable row ids, rows that an update or a rewrite moves keep theirs: the new fragment
 * names them in `inlineRowIds`; where that is shorter than the fragment, or absent, the rest are given new ones. A
 * rewrite brings version sequences too; an update's are found here.
 *
 * @param operation its protobuf; a `restore` names a version that is still there
 * @returns the version that was committed
 * @throws COMMIT_CONFLICT `{ retryable }` (true: compute the operation again from the new version), INVALID_ARGUMENT,
 * UNSUPPORTED, ABORTED, IO, QUOTA_EXCEEDED
 */
export async function commit(snapshot: Snapshot, operation: Operation, options: CommitOptions = {}): Promise<Snapshot> {
  const ours = requireRebasable(operation);
  const store = requireWritable(snapshot.store, snapshot.uri);
  const { signal, properties, maxRetries = DEFAULT_MAX_RETRIES } = options;
  const uuid = drawUuid();
  const startedMs = performance.now();
  const coverage = await readCoverage(ours);
  const restored =
    ours.case === "restore" ? await openVersion(snapshot, { version: Number(ours.value.version), signal }) : undefined;
  const { fragmentReuse, holdsRowAddresses, storageVersion } = options;
  const defersRemap = fragmentReuse !== undefined;
  const readFragments = new Map(snapshot.manifest.fragments.map((fragment) => [fragment.id, fragment]));
  let judged = snapshot.version;
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal);
    const latest = await openVersion(snapshot, { signal });
    if (latest.version < judged) {
      throw conflict(snapshot, ours, latest.version, false, "the table was deleted and made again");
    }
    for (; judged < latest.version; judged = Math.min(judged + CONCURRENT_READS, latest.version)) {
      const versions = Array.from(
        { length: Math.min(CONCURRENT_READS, latest.version - judged) },
        (_, i) => judged + 1 + i,
      );
      const theirs = await readTransactions(snapshot, versions, latest, signal);
      for (const [i, version] of versions.entries()) {
        const both: Coverage = new Map([...coverage, ...(await readTheirCoverage(ours, theirs[i]))]);
        const side = { operation: ours, readFragments, coverage: both, defersRemap, holdsRowAddresses };
        const verdict = judgeConflict(side, theirs[i]);
        if (verdict.kind === "retry" || verdict.kind === "abort") {
          throw conflict(snapshot, ours, version, verdict.kind === "retry", verdict.reason ?? "", theirs[i]);
        }
      }
    }
    checkWriterFlags(latest.manifest);
    if (fragmentReuse !== undefined && reuseOf(snapshot) !== reuseOf(latest)) {
      throw conflict(snapshot, ours, latest.version, true, "the fragment reuse index changed");
    }

    const reuse = await fragmentReuse?.(latest.version);
    const rebased = await rebaseOperation(ours, { read: snapshot, latest, store, signal });
    // Rows deleted together with those of others are read at their version too; the rest stay what they were at ours.
    const united = rebased.operation.case === "delete" || rebased.operation.case === "update";
    const readVersion = united ? latest.version : snapshot.version;
    const transaction = createTransaction(rebased.operation, { readVersion, uuid, properties });
    const published = await buildNextVersion(latest, rebased.operation, {
      transactionFile: formatTransactionName(transaction),
      read: snapshot,
      restored,
      fragmentReuse: reuse,
      holdsRowAddresses,
      storageVersion,
      signal,
    })
      .then((next) => publishVersion(store, { ...next, transaction, naming: latest.naming }, { signal }))
      .catch(async (error) => {
        await dropDebris(snapshot, latest.version + 1, uuid, rebased.debris);
        throw error;
      });
    if (published !== undefined) return createSnapshot({ ...snapshot, source: published });

    await deleteQuietly(store, rebased.debris);
    if (attempt >= maxRetries || performance.now() - startedMs > RETRY_BUDGET_MS) {
      throw new LanceError(
        "COMMIT_CONFLICT",
        `${ours.case} on ${snapshot.uri} lost ${attempt + 1} races for the next version, the last for ${latest.version + 1}; try again when fewer writers are at work`,
        { retryable: true, attempts: attempt + 1, version: latest.version + 1 },
      );
    }
    await backOff(attempt, { firstMs: FIRST_BACKOFF_MS, maxMs: MAX_BACKOFF_MS, signal });
  }
}

const COMMITTED: ReadonlySet<Operation["case"]> = new Set<RebasableOperation["case"]>([
  "append",
  "delete",
  "overwrite",
  "createIndex",
  "rewrite",
  "merge",
  "restore",
  "reserveFragments",
  "update",
  "project",
  "updateConfig",
]);

function requireRebasable(operation: Operation): RebasableOperation {
  if (COMMITTED.has(operation.case)) return operation as RebasableOperation;
  throw new LanceError(
    "UNSUPPORTED",
    `cannot commit ${operation.case ?? "an empty operation"} onto a table; these can be: ${[...COMMITTED].join(", ")}`,
    { operation: operation.case ?? null },
  );
}

/** What indexes theirs made cover, where judging ours needs it. */
async function readTheirCoverage(ours: RebasableOperation, theirs: Transaction | undefined): Promise<Coverage> {
  const operation = theirs?.operation;
  return ours.case === "rewrite" && operation?.case === "createIndex" ? readCoverage(operation) : new Map();
}

function reuseOf(snapshot: Snapshot): string | undefined {
  const index = snapshot.indices.find(({ name }) => name === FRAGMENT_REUSE_INDEX);
  return index && uuidOf(index);
}

/** What each of some versions did; `undefined` where it is not recorded, or the version was cleaned up. */
async function readTransactions(
  snapshot: Snapshot,
  versions: readonly number[],
  latest: Snapshot,
  signal: AbortSignal | undefined,
): Promise<(Transaction | undefined)[]> {
  const { store } = snapshot;
  const settled = await Promise.allSettled(
    versions.map(async (version) => {
      if (version === latest.version) return readTransactionOf(store, latest.source, { signal });
      const probed = await probeVersion(store, version, { naming: latest.naming, signal });
      if (probed === undefined) return undefined;
      return readTransactionOf(store, await readManifestFromTail(store, probed.path, probed.tail, { signal }), {
        signal,
      });
    }),
  );
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

/** A commit that failed midway may yet stand, with the deletion files it wrote: they go only when it does not. */
async function dropDebris(snapshot: Snapshot, version: number, uuid: string, debris: readonly string[]): Promise<void> {
  if (debris.length === 0) return;
  const store = requireWritable(snapshot.store, snapshot.uri);
  try {
    const probed = await probeVersion(store, version);
    const file = probed && (await readManifestFromTail(store, probed.path, probed.tail));
    if (file !== undefined && (await readTransactionOf(store, file))?.uuid === uuid) return;
  } catch {
    return;
  }
  await deleteQuietly(store, debris);
}

function conflict(
  snapshot: Snapshot,
  ours: RebasableOperation,
  version: number,
  retryable: boolean,
  reason: string,
  theirs?: Transaction,
): LanceError {
  return new LanceError(
    "COMMIT_CONFLICT",
    `${ours.case} computed at version ${snapshot.version} of ${snapshot.uri} conflicts with version ${version}: ${reason}. ${
      retryable ? "Open the newest version and do it again" : "The table it was made for is no more"
    }`,
    {
      retryable,
      operation: ours.case,
      readVersion: snapshot.version,
      version,
      reason,
      conflictingOperation: theirs?.operation.case ?? null,
    },
  );
}

/** Whether a failed commit may succeed when its operation is computed again from the newest version. */
export function isRetryableConflict(error: unknown): boolean {
  return isLanceError(error, "COMMIT_CONFLICT") && error.details.retryable === true;
}
