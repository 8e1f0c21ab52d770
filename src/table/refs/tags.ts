import { isLanceError, LanceError } from "../../errors.ts";
import type { StoreCallOptions } from "../../store/store.ts";
import type { Snapshot } from "../snapshot.ts";
import { findWritableRoot } from "./branch-root.ts";
import { describeMissingRef } from "./named-refs.ts";
import { TAGS, type Tag } from "./read-tags.ts";
import { formatRefPath, type RefJson, readRef, TAGS_PREFIX, writeRef } from "./ref-file.ts";
import { checkTagName } from "./ref-names.ts";
import { openReference, type VersionReference } from "./reference.ts";

/** Names a version. @throws ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND (no such version), UNSUPPORTED, IO, ABORTED */
export async function createTag(
  snapshot: Snapshot,
  name: string,
  options: StoreCallOptions & { readonly reference?: VersionReference | undefined } = {},
): Promise<Tag> {
  checkTagName(name);
  const store = await findWritableRoot(snapshot);
  const now = new Date().toISOString();
  const json = await describeReference(snapshot, options, { createdAt: now, updatedAt: now, metadata: {} });
  const path = formatRefPath(TAGS_PREFIX, name);
  try {
    await writeRef(store, path, { json, mode: "create", signal: options.signal });
  } catch (cause) {
    if (!isLanceError(cause, "ALREADY_EXISTS")) throw cause;
    const message = `there is a tag "${name}" already; update it, or choose another name`;
    throw new LanceError("ALREADY_EXISTS", message, { tag: name }, { cause });
  }
  return TAGS.read(json, path);
}

/** Moves a tag to another version; when it was made stays. @throws as {@link createTag}, and NOT_FOUND (no such tag) */
export async function updateTag(
  snapshot: Snapshot,
  name: string,
  options: StoreCallOptions & { readonly reference?: VersionReference | undefined } = {},
): Promise<Tag> {
  checkTagName(name);
  const store = await findWritableRoot(snapshot);
  const path = formatRefPath(TAGS_PREFIX, name);
  const before = await readRef(store, path, options);
  if (before === undefined) throw await describeMissingRef(store, TAGS, { ...options, name });
  const json = await describeReference(snapshot, options, { ...before, updatedAt: new Date().toISOString() });
  await writeRef(store, path, { json, mode: "overwrite", signal: options.signal });
  return TAGS.read(json, path);
}

/** @throws NOT_FOUND naming the tags there are, INVALID_ARGUMENT, UNSUPPORTED, IO, ABORTED */
export async function deleteTag(snapshot: Snapshot, name: string, options: StoreCallOptions = {}): Promise<void> {
  checkTagName(name);
  const store = await findWritableRoot(snapshot);
  const path = formatRefPath(TAGS_PREFIX, name);
  if ((await readRef(store, path, options)) === undefined)
    throw await describeMissingRef(store, TAGS, { ...options, name });
  await store.delete(path, { signal: options.signal });
}

/** A tag's JSON, in native's order: what it names comes from the version's own manifest. */
async function describeReference(
  snapshot: Snapshot,
  options: StoreCallOptions & { readonly reference?: VersionReference | undefined },
  rest: RefJson,
): Promise<RefJson> {
  const named = await openReference(snapshot, options.reference ?? snapshot.version, options.signal);
  const branch = named.manifest.branch || null;
  return { branch, version: named.version, ...pick(rest), manifestSize: named.source.sizeBytes, ...others(rest) };
}

function pick({ createdAt = null, updatedAt = null }: RefJson): RefJson {
  return { createdAt, updatedAt };
}

function others(json: RefJson): RefJson {
  const { branch: _b, version: _v, createdAt: _c, updatedAt: _u, manifestSize: _m, ...kept } = json;
  return kept;
}
