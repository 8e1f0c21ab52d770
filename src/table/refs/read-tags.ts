import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";
import { getRef, listRefs, type RefKind } from "./named-refs.ts";
import { type RefJson, readManifestSize, readRefMetadata, readVersionNumber, TAGS_PREFIX } from "./ref-file.ts";
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

/** Tags among the refs. */
export const TAGS: RefKind<Tag> = {
  noun: "tag",
  prefix: TAGS_PREFIX,
  none: "none",
  checkName: checkTagName,
  read: toTag,
};

/** All tags by name. One listing, one read each. @throws UNSUPPORTED when the store cannot list, CORRUPT, IO, ABORTED */
export function listTags(store: ReadableStore, options: StoreCallOptions = {}): Promise<Record<string, Tag>> {
  return listRefs(store, TAGS, options);
}

/** One tag. @throws INVALID_ARGUMENT, NOT_FOUND naming those there are, CORRUPT, IO, ABORTED */
export function getTag(store: ReadableStore, name: string, options: StoreCallOptions = {}): Promise<Tag> {
  return getRef(store, TAGS, { ...options, name });
}

function toTag(json: RefJson, path: string): Tag {
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
