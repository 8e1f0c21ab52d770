import { LanceError, throwIfAborted } from "../errors.ts";
import { createPortStore, isMessagePort } from "./message-port.ts";
import type { Store, StoreDescription } from "./store.ts";
import { PREFIX_KIND, withPrefix } from "./with-prefix.ts";

/** What a URI is opened with. */
export interface OpenStoreOptions {
  /** Keys a back end understands, as `headers` for HTTP or `region` for S3. */
  readonly storageOptions?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One back end: how its URIs look and how its descriptions reopen. Runtime entries register those a host has. */
export interface StoreKind {
  /** The `kind` of its descriptions. */
  readonly kind: string;
  /** URI schemes without `:`; the empty one stands for plain file paths. */
  readonly schemes: readonly string[];
  openUri(uri: string, options: OpenStoreOptions): Store | Promise<Store>;
  /** Absent where a store cannot be described. */
  reopen?(description: StoreDescription): Store | Promise<Store>;
}

const kinds = new Map<string, StoreKind>();

/** Adds a back end, or replaces the one of the same kind. */
export function registerStoreKind(kind: StoreKind): void {
  kinds.set(kind.kind, kind);
}

/**
 * Opens the store a URI names; a store object passes as it is. Nothing is read yet.
 * @throws INVALID_ARGUMENT when no registered back end has the scheme; the message names those there are
 */
export async function openStore(uriOrStore: string | Store, options: OpenStoreOptions = {}): Promise<Store> {
  throwIfAborted(options.signal);
  if (typeof uriOrStore === "object" && uriOrStore !== null && typeof uriOrStore.get === "function") return uriOrStore;
  if (typeof uriOrStore !== "string" || uriOrStore === "") {
    throw new LanceError("INVALID_ARGUMENT", `expected a URI or a store, received ${JSON.stringify(uriOrStore)}`, {});
  }
  const scheme = readScheme(uriOrStore);
  for (const kind of kinds.values()) {
    if (kind.schemes.includes(scheme)) return kind.openUri(uriOrStore, options);
  }
  const known = [...kinds.values()].flatMap((kind) => kind.schemes).map(nameScheme);
  throw new LanceError(
    "INVALID_ARGUMENT",
    `no store for ${nameScheme(scheme)} in "${uriOrStore}"; this runtime knows ${known.join(", ") || "none"}, or takes a store object`,
    { uri: uriOrStore, scheme, known },
  );
}

/**
 * The other end of `shareStore`: opens in this thread what another thread's store is.
 * @throws INVALID_ARGUMENT when the kind is not registered here
 */
export async function reopenStore(handle: StoreDescription | MessagePort): Promise<Store> {
  if (isMessagePort(handle)) return createPortStore(handle);
  if (handle.kind === PREFIX_KIND) {
    return withPrefix(await reopenStore(handle.store as StoreDescription), String(handle.prefix));
  }
  const kind = kinds.get(handle.kind);
  if (!kind?.reopen) {
    const known = [...kinds.values()].filter((each) => each.reopen).map((each) => each.kind);
    throw new LanceError(
      "INVALID_ARGUMENT",
      `cannot reopen a store of kind "${handle.kind}"; this runtime knows ${known.join(", ") || "none"}`,
      { kind: handle.kind, known },
    );
  }
  return kind.reopen(handle);
}

/** One letter before the colon is a Windows drive, not a scheme. */
function readScheme(uri: string): string {
  return /^([a-z][a-z0-9+.-]+):/i.exec(uri)?.[1]?.toLowerCase() ?? "";
}

function nameScheme(scheme: string): string {
  return scheme === "" ? "file paths" : `${scheme}://`;
}
