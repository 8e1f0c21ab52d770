import { LanceError } from "../../errors.ts";
import { isRecord } from "../../is-record.ts";
import type { ReadableStore, Store, StoreCallOptions } from "../../store/store.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { canList } from "../manifest/find-version.ts";

/** Folder of the tags, in a table's root. */
export const TAGS_PREFIX = "_refs/tags/";
/** Folder of the branches, in a table's root. */
export const BRANCHES_PREFIX = "_refs/branches/";

/** A ref's file, as JSON. What this version does not know of it is kept when it is written again. */
export type RefJson = Readonly<Record<string, unknown>>;

const SUFFIX = ".json";
/** Refs are a few hundred bytes; a larger file is none. */
const MAX_BYTES = 1 << 20;
const CONCURRENCY = 8;

/** Path of a ref's file; a `/` of a branch's name is percent-encoded. */
export function formatRefPath(prefix: string, name: string): string {
  return `${prefix}${encodeURIComponent(name)}${SUFFIX}`;
}

/** @returns `undefined` when there is no such ref. @throws CORRUPT, IO, ABORTED */
export async function readRef(
  store: ReadableStore,
  path: string,
  options: StoreCallOptions = {},
): Promise<RefJson | undefined> {
  const found = await store.get(path, {}, { signal: options.signal });
  if (found === undefined) return undefined;
  try {
    if (found.bytes.length > MAX_BYTES) throw new Error(`${found.bytes.length} bytes`);
    const json: unknown = JSON.parse(new TextDecoder().decode(found.bytes));
    if (isRecord(json)) return json as RefJson;
    throw new Error("no object");
  } catch (cause) {
    throw new LanceError("CORRUPT", `${path} is not the JSON of a tag or branch`, { path }, { cause });
  }
}

/**
 * All refs of a folder, by name, ascending.
 * @throws UNSUPPORTED when the store cannot list, CORRUPT, IO, ABORTED
 */
export async function readRefs(
  store: ReadableStore,
  prefix: string,
  options: StoreCallOptions = {},
): Promise<[string, RefJson][]> {
  if (!canList(store)) {
    throw new LanceError("UNSUPPORTED", `this store cannot list ${prefix}: ask for a tag or branch by its name`, {
      prefix,
    });
  }
  const paths: string[] = [];
  for await (const { path } of store.list(prefix, { signal: options.signal })) {
    if (path.endsWith(SUFFIX) && !path.slice(prefix.length).includes("/")) paths.push(path);
  }
  const refs = await mapBounded(paths, CONCURRENCY, async (path): Promise<[string, RefJson] | undefined> => {
    const json = await readRef(store, path, options);
    return json && [decodeName(path.slice(prefix.length, -SUFFIX.length)), json];
  });
  return refs.filter((ref) => ref !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Writes a ref. `create` refuses one that is there. @throws ALREADY_EXISTS, QUOTA_EXCEEDED, IO, ABORTED */
export async function writeRef(
  store: Store,
  path: string,
  options: StoreCallOptions & { readonly json: RefJson; readonly mode: "create" | "overwrite" },
): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(options.json, null, 2));
  await store.put(path, bytes, { mode: options.mode, signal: options.signal });
}

/** A version a ref names. @throws CORRUPT */
export function readVersionNumber(value: unknown, path: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw new LanceError("CORRUPT", `${path} names version ${String(value)}, which is none`, { path });
}

/** The bytes of the manifest a ref names, as its writer noted them; 0 where that is no size. */
export function readManifestSize(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** The free text beside a ref. @throws CORRUPT where it is no map of text */
export function readRefMetadata(value: unknown, path: string): Readonly<Record<string, string>> {
  const found = value ?? {};
  const isMap = typeof found === "object" && !Array.isArray(found);
  if (isMap && Object.values(found).every((each) => typeof each === "string")) return found as Record<string, string>;
  throw new LanceError("CORRUPT", `${path} has metadata that is no map of text`, { path });
}

function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
