import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { isLanceError, LanceError } from "../../errors.ts";
import { BasePathSchema, IndexSectionSchema, type Manifest, ManifestSchema } from "../../proto/gen/lance/table_pb.ts";
import { Transaction_CloneSchema } from "../../proto/gen/lance/transaction_pb.ts";
import type { Store, StoreCallOptions } from "../../store/store.ts";
import { drawUuid } from "../../store/uuid.ts";
import { finishManifest } from "../commit/build-manifest.ts";
import {
  createTransaction,
  deleteQuietly,
  formatTransactionName,
  publishVersion,
  requireWritable,
} from "../commit/publish.ts";
import { checkWriterFlags, FLAG_BASE_PATHS } from "../manifest/feature-flags.ts";
import { findLatestManifest } from "../manifest/find-version.ts";
import type { ManifestFile } from "../manifest/read-manifest.ts";
import { createSnapshot, type Snapshot } from "../snapshot.ts";
import { findRoot, getAbsoluteUri, openBranchStore } from "./branch-root.ts";
import { getBranch } from "./read-branches.ts";
import { BRANCHES_PREFIX, formatRefPath, readRef, writeRef } from "./ref-file.ts";
import { checkBranchName } from "./ref-names.ts";
import { openReference, type VersionReference } from "./reference.ts";

/**
 * Starts a branch: a folder `tree/{name}/` whose first version, of the same number, refers to the files of the version
 * it starts from. Nothing is copied. The branch is listed by the last write.
 *
 * @param options.reference where it starts; default the snapshot's own version
 * @throws ALREADY_EXISTS, INVALID_ARGUMENT (the name), NOT_FOUND (the version), UNSUPPORTED, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function createBranch(
  snapshot: Snapshot,
  name: string,
  options: StoreCallOptions & { readonly reference?: VersionReference | undefined } = {},
): Promise<Snapshot> {
  checkBranchName(name);
  const { signal } = options;
  const root = await findRoot(snapshot);
  const rootStore = requireWritable(root.store, root.uri);
  const source = await openReference(snapshot, options.reference ?? snapshot.version, signal);
  checkWriterFlags(source.manifest);
  const path = formatRefPath(BRANCHES_PREFIX, name);
  const branch = openBranchStore(root, name);
  if ((await readRef(rootStore, path, options)) !== undefined) throw exists(name);
  if ((await findLatestManifest(branch.store, { signal })) !== undefined) {
    throw new LanceError(
      "ALREADY_EXISTS",
      `branch "${name}" is being made by another writer, or one stopped while it made or deleted it: then branches.delete("${name}", { force: true }) removes what is left`,
      { branch: name, listed: false },
    );
  }

  const published = await publishClone(branch.store, source, { name, signal });
  if (published === undefined) throw exists(name);
  try {
    const json = await describeBranch(source, rootStore, options);
    await writeRef(rootStore, path, { json, mode: "create", signal });
  } catch (cause) {
    // Another writer may have listed the branch; it found our version, and so made none of its own.
    if ((await readRef(rootStore, path).catch(() => ({}))) === undefined) {
      await deleteQuietly(branch.store, [published.path, `_transactions/${published.manifest.transactionFile}`]);
    }
    if (isLanceError(cause, "ALREADY_EXISTS")) throw exists(name, cause);
    throw cause;
  }
  const { store, uri } = branch;
  return createSnapshot({ store, uri, source: published });
}

async function publishClone(
  store: Store,
  source: Snapshot,
  options: { readonly name: string; readonly signal: AbortSignal | undefined },
): Promise<ManifestFile | undefined> {
  const { name, signal } = options;
  const refPath = getAbsoluteUri({ store: source.store as Store, uri: source.uri });
  const sourceBranch = source.manifest.branch || undefined;
  const value = create(Transaction_CloneSchema, {
    isShallow: true,
    refVersion: BigInt(source.version),
    refPath,
    branchName: name,
    ...(sourceBranch === undefined ? {} : { refName: sourceBranch }),
  });
  const transaction = createTransaction({ case: "clone", value }, { readVersion: source.version, uuid: drawUuid() });
  const baseId = drawBaseId(source.manifest);
  const manifest = cloneManifest(source.manifest, baseId);
  manifest.branch = name;
  manifest.basePaths.push(
    create(BasePathSchema, {
      id: baseId,
      path: refPath,
      isDatasetRoot: true,
      ...(sourceBranch === undefined ? {} : { name: sourceBranch }),
    }),
  );
  const section = source.source.indexSection && fromBinary(IndexSectionSchema, source.source.indexSection);
  for (const index of section?.indices ?? []) index.baseId ??= baseId;
  return publishVersion(
    store,
    {
      manifest: finishManifest(manifest, formatTransactionName(transaction)),
      indices: section?.indices ?? [],
      indexSection: section && toBinary(IndexSectionSchema, section),
      transaction,
      naming: "v2",
    },
    { signal },
  );
}

/** The version with its own files named as those of a base. */
function cloneManifest(source: Manifest, baseId: number): Manifest {
  const manifest = clone(ManifestSchema, source);
  for (const fragment of manifest.fragments) {
    for (const file of fragment.files) file.baseId ??= baseId;
    if (fragment.deletionFile) fragment.deletionFile.baseId ??= baseId;
  }
  manifest.readerFeatureFlags |= FLAG_BASE_PATHS;
  manifest.writerFeatureFlags |= FLAG_BASE_PATHS;
  return manifest;
}

function drawBaseId(manifest: Manifest): number {
  const taken = new Set(manifest.basePaths.map((base) => base.id));
  let id = 0;
  while (taken.has(id)) id++;
  return id;
}

async function describeBranch(source: Snapshot, rootStore: Store, options: StoreCallOptions) {
  const parentBranch = source.manifest.branch || null;
  const parent = parentBranch === null ? [] : (await getBranch(rootStore, parentBranch, options)).identifier;
  return {
    parentBranch,
    identifier: { version_mapping: [...parent, [source.version, drawUuid().replaceAll("-", "")]] },
    parentVersion: source.version,
    createAt: Math.floor(Date.now() / 1000),
    manifestSize: source.source.sizeBytes,
    metadata: {},
  };
}

function exists(name: string, cause?: unknown): LanceError {
  return new LanceError(
    "ALREADY_EXISTS",
    `there is a branch "${name}" already; check it out, or choose another name`,
    { branch: name },
    cause === undefined ? {} : { cause },
  );
}
