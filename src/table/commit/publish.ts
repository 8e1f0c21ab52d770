import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { isLanceError, LanceError } from "../../errors.ts";
import { type IndexMetadata, type Manifest, ManifestSchema } from "../../proto/gen/lance/table_pb.ts";
import { type Transaction, TransactionSchema } from "../../proto/gen/lance/transaction_pb.ts";
import type { ReadableStore, Store, StoreCallOptions } from "../../store/store.ts";
import { FLAG_NO_TRANSACTION_FILE } from "../manifest/feature-flags.ts";
import { formatManifestPath, type ManifestNaming, VERSION_HINT_PATH } from "../manifest/manifest-path.ts";
import { type ManifestFile, readManifest, readTransactionOf } from "../manifest/read-manifest.ts";
import { encodeManifestFile, MAX_INLINE_TRANSACTION_BYTES } from "../manifest/write-manifest.ts";
import { announceVersion } from "./announce.ts";

/** @throws UNSUPPORTED when the store is read-only */
export function requireWritable(store: ReadableStore, uri: string): Store {
  if (store.capabilities?.write !== true || !("put" in store)) {
    throw new LanceError("UNSUPPORTED", `${uri} is read-only here: its store cannot write`, { uri });
  }
  return store as Store;
}

/** A transaction message with a uuid of its own, by which its version is known again. */
export function createTransaction(
  operation: Transaction["operation"],
  options: { readVersion: number; uuid: string; properties?: Readonly<Record<string, string>> | undefined },
): Transaction {
  return create(TransactionSchema, {
    readVersion: BigInt(options.readVersion),
    uuid: options.uuid,
    transactionProperties: { ...options.properties },
    operation,
  });
}

/** Name of a transaction's file inside `_transactions/`. */
export function formatTransactionName(transaction: Transaction): string {
  return `${transaction.readVersion}-${transaction.uuid}.txn`;
}

/**
 * Puts one version: the transaction's file, then the manifest if no such version exists — the one moment of the
 * commit. A put that failed may still have landed, so the version is read back before it is called lost.
 *
 * @returns the version's file, or `undefined` when another writer has that version (nothing of ours is left then)
 * @throws IO and others of the store; when it throws, the version is not ours
 */
export async function publishVersion(
  store: Store,
  version: {
    readonly manifest: Manifest;
    readonly indices: readonly IndexMetadata[];
    readonly indexSection: Uint8Array | undefined;
    readonly transaction: Transaction;
    readonly naming: ManifestNaming;
  },
  options: StoreCallOptions = {},
): Promise<ManifestFile | undefined> {
  const { manifest, indices, indexSection } = version;
  const transaction = toBinary(TransactionSchema, version.transaction);
  const inline = transaction.length <= MAX_INLINE_TRANSACTION_BYTES ? transaction : undefined;
  const bytes = encodeManifestFile(manifest, { indexSection, transaction: inline });
  const path = formatManifestPath(Number(manifest.version), version.naming);
  // A version with neither form of its transaction breaks concurrent native writers; older readers know the file only.
  const withFile = (manifest.writerFeatureFlags & FLAG_NO_TRANSACTION_FILE) === 0n || inline === undefined;
  const transactionPath = `_transactions/${formatTransactionName(version.transaction)}`;
  if (withFile) await store.put(transactionPath, transaction, { mode: "overwrite", signal: options.signal });
  try {
    await store.put(path, bytes, { mode: "create", signal: options.signal });
  } catch (error) {
    const outcome = await readOutcome(store, path, version.transaction.uuid);
    if (outcome.kind === "ours") {
      announceVersion(store, Number(manifest.version));
      return outcome.file;
    }
    // While it cannot be told whether ours stands, its file must stay.
    if (withFile && outcome.kind !== "unknown") await deleteQuietly(store, [transactionPath]);
    if (outcome.kind === "theirs" && isLanceError(error, "ALREADY_EXISTS")) return undefined;
    if (outcome.kind !== "unknown") throw error;
    throw new LanceError(
      "IO",
      `whether version ${manifest.version} was committed cannot be told: ${path} could not be read back. Open the table again before retrying`,
      { path, version: Number(manifest.version), committed: "unknown" },
      { cause: error },
    );
  }
  announceVersion(store, Number(manifest.version));
  await writeHint(store, Number(manifest.version));
  // What stands is what was encoded: its section offsets are only known from the bytes.
  const stored = fromBinary(ManifestSchema, manifestBytesOf(bytes));
  return { path, sizeBytes: bytes.length, manifest: stored, indices, indexSection, transaction: inline };
}

/** Best-effort removal of files no version refers to. */
export async function deleteQuietly(store: Store, paths: readonly string[]): Promise<void> {
  await Promise.allSettled(paths.map((path) => store.delete(path)));
}

type Outcome =
  | { readonly kind: "ours"; readonly file: ManifestFile }
  | { readonly kind: "theirs" | "absent" | "unknown" };

/** Whose version it is. The caller's signal plays no part: a cancelled commit may have landed. */
async function readOutcome(store: Store, path: string, uuid: string): Promise<Outcome> {
  try {
    const file = await readManifest(store, path);
    if (file === undefined) return { kind: "absent" };
    const owner = await readTransactionOf(store, file);
    return owner?.uuid === uuid ? { kind: "ours", file } : { kind: "theirs" };
  } catch {
    return { kind: "unknown" };
  }
}

/** A hint that could not be written costs readers a probe, no more. */
async function writeHint(store: Store, version: number): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify({ version }));
  await store.put(VERSION_HINT_PATH, bytes, { mode: "overwrite" }).catch(() => undefined);
}

function manifestBytesOf(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const at = Number(view.getBigUint64(file.length - 16, true));
  return file.subarray(at + 4, file.length - 16);
}
