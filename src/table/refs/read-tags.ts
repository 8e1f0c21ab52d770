import { LanceError } from "../../errors.ts";
import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";
import {
  formatRefPath,
  type RefJson,
  readManifestSize,
  readRef,
  readRefMetadata,
  readRefs,
  readVersionNumber,
  TAGS_PREFIX,
} from "./ref-file.ts";
import { checkTagName } from "./ref-names.ts";

/** A name for a version, which a clean-up then keeps. */
export interface Tag {
  /** `null` is the main branch. */
  readonly branch: string | null;
  readonly version: number;
  /** ISO 8601, where the writer noted it. */
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  readonly manifestSizeBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** All tags by name. One listing, one read each. @throws UNSUPPORTED when the store cannot list, CORRUPT, IO, ABORTED */
export async function listTags(store: ReadableStore, options: StoreCallOptions = {}): Promise<Record<string, Tag>> {
  const refs = await readRefs(store, TAGS_PREFIX, options);
  return Object.fromEntries(refs.map(([name, json]) => [name, toTag(json, formatRefPath(TAGS_PREFIX, name))]));
}

/** One tag. @throws INVALID_ARGUMENT, NOT_FOUND naming those there are, CORRUPT, IO, ABORTED */
export async function getTag(store: ReadableStore, name: string, options: StoreCallOptions = {}): Promise<Tag> {
  checkTagName(name);
  const path = formatRefPath(TAGS_PREFIX, name);
  const json = await readRef(store, path, options);
  if (json === undefined) throw await noTag(store, name, options);
  return toTag(json, path);
}

/** A tag out of its file. @throws CORRUPT */
export function toTag(json: RefJson, path: string): Tag {
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return {
    branch: text(json.branch),
    version: readVersionNumber(json.version, path),
    createdAt: text(json.createdAt),
    updatedAt: text(json.updatedAt),
    manifestSizeBytes: readManifestSize(json.manifestSize),
    metadata: readRefMetadata(json.metadata, path),
  };
}

/** A tag that is not there, and those that are, where the store can list. */
export async function noTag(store: ReadableStore, name: string, options: StoreCallOptions): Promise<LanceError> {
  const known = await readRefs(store, TAGS_PREFIX, options).then(
    (refs) => refs.map(([tag]) => tag),
    () => undefined,
  );
  const there = known === undefined ? "" : `; there ${known.length === 0 ? "is none" : `are ${known.join(", ")}`}`;
  return new LanceError("NOT_FOUND", `there is no tag "${name}"${there}`, { tag: name, known: known ?? null });
}
