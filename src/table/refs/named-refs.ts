import { LanceError } from "../../errors.ts";
import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";
import { formatRefPath, type RefJson, readRef, readRefs } from "./ref-file.ts";

/** What tags and branches differ in. */
export interface RefKind<Ref> {
  readonly noun: "tag" | "branch";
  /** Folder of their files. */
  readonly prefix: string;
  /** What a message says there is, where none is listed. */
  readonly none: string;
  /** @throws INVALID_ARGUMENT */
  readonly checkName: (name: string) => void;
  /** @throws CORRUPT */
  readonly read: (json: RefJson, path: string) => Ref;
}

/** All of a kind by name. One listing, one read each. @throws UNSUPPORTED (the store cannot list), CORRUPT, IO, ABORTED */
export async function listRefs<Ref>(
  store: ReadableStore,
  kind: RefKind<Ref>,
  options: StoreCallOptions,
): Promise<Record<string, Ref>> {
  const refs = await readRefs(store, kind.prefix, options);
  return Object.fromEntries(refs.map(([name, json]) => [name, kind.read(json, formatRefPath(kind.prefix, name))]));
}

/** One of a kind. One read. @throws INVALID_ARGUMENT, NOT_FOUND naming those there are, CORRUPT, IO, ABORTED */
export async function getRef<Ref>(
  store: ReadableStore,
  kind: RefKind<Ref>,
  { name, signal }: StoreCallOptions & { readonly name: string },
): Promise<Ref> {
  kind.checkName(name);
  const path = formatRefPath(kind.prefix, name);
  const json = await readRef(store, path, { signal });
  if (json === undefined) throw await describeMissingRef(store, kind, { name, signal });
  return kind.read(json, path);
}

/** The NOT_FOUND of one that is not listed, naming those that are, where they can be listed. One listing. */
export async function describeMissingRef(
  store: ReadableStore,
  { noun, prefix, none }: Pick<RefKind<unknown>, "noun" | "prefix" | "none">,
  { name, signal }: StoreCallOptions & { readonly name: string },
): Promise<LanceError> {
  const known = await readRefs(store, prefix, { signal }).then(
    (refs) => refs.map(([ref]) => ref),
    () => undefined,
  );
  const there = known === undefined ? "" : `; there ${known.length === 0 ? `is ${none}` : `are ${known.join(", ")}`}`;
  return new LanceError("NOT_FOUND", `there is no ${noun} "${name}"${there}`, { [noun]: name, known: known ?? null });
}
