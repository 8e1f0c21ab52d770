/**
 * The store contract: a reader needs `get` alone. Data files are write-once; `put` with mode `create` is the one
 * commit primitive. Paths are relative, `/`-separated, without leading slash, `.` or `..`.
 */

/** `{}` the whole object, `{ offset, length }` a slice, `{ suffix }` the last bytes. Slices are clipped to the object. */
export type ByteRange =
  | { readonly offset: number; readonly length: number; readonly suffix?: undefined }
  | { readonly suffix: number; readonly offset?: undefined; readonly length?: undefined }
  | { readonly offset?: undefined; readonly length?: undefined; readonly suffix?: undefined };

/** Bytes of one read. `bytes` may be shared with a cache: never write to it. */
export interface GetResult {
  readonly bytes: Uint8Array;
  /** Size of the whole object; the least it can be where `totalBytesIsLowerBound` is set. */
  readonly totalBytes: number;
  /**
   * Set when an HTTP host hides the size (no readable `Content-Range`, nothing learned yet): `totalBytes` is then
   * where some slice read so far ends. A slice shorter than asked for always means that the object ends there, and
   * then the size is exact. Suffix and whole reads always give the exact size.
   */
  readonly totalBytesIsLowerBound?: true;
  readonly etag?: string;
}

/** Options every store call takes. */
export interface StoreCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** What is read passes through once, as for a copy: caches answer from what they hold and keep nothing more. */
  readonly transient?: boolean | undefined;
  /**
   * With `transient`: a back end that reads into memory of its caller's may put a slice here and give a view of it. It is
   * not to be touched until the call settles. Others ignore it.
   */
  readonly into?: Uint8Array<ArrayBuffer> | undefined;
}

/** What a back end can do, declared rather than tried. */
export interface StoreCapabilities {
  /** `put`, `createWriter` and `delete` work. */
  readonly write: boolean;
  /** `list` works. Where false the newest version is found by hint and probing. */
  readonly list: boolean;
  /** Slices are fetched as slices, not cut from a whole download. */
  readonly ranges: boolean;
  /** `create` is atomic against other threads, tabs or processes on the same data. */
  readonly atomicCreate: boolean;
  /** Contents outlive the process or tab. */
  readonly durable: boolean;
  /** So many bytes take about as long as one request more: two slices nearer than this are better read as one. */
  readonly gapBytes?: number;
  /** Slices are put into memory of the caller's where it gives some, see `StoreCallOptions.into`. */
  readonly readsInto?: boolean;
}

/** JSON or clonable data that reopens the same store in a worker. `kind` names the back end. */
export interface StoreDescription {
  readonly kind: string;
  readonly [key: string]: unknown;
}

/** The least a reader needs. */
export interface ReadableStore {
  /**
   * Reads one object, or a slice of it.
   * @returns `undefined` when the path does not exist
   * @throws ABORTED, IO
   */
  get(path: string, range?: ByteRange, options?: StoreCallOptions): Promise<GetResult | undefined>;
  /**
   * The first objects of a listing, where the host turns out to have one; `likely` asks only a host that is known to.
   * @returns `undefined` when it has none, or was not asked
   */
  peekList?(
    prefix: string,
    options: StoreCallOptions & { limit: number; when: "likely" | "possible" },
  ): Promise<readonly ListedObject[] | undefined>;
  /** Manifests that were kept on this device, for when the host cannot be reached: oldest note first. */
  listKept?(prefix: string): Promise<readonly string[]>;
  /** Names the data, the same for every handle on it: those who follow its commits find each other by it. */
  readonly identity?: string | undefined;
  readonly capabilities?: StoreCapabilities;
  describe?(): StoreDescription | undefined;
}

/** Streams one object into a store; the path is absent or whole, also after a crash. */
export interface StoreWriter {
  /** Appends. The bytes may be reused by the caller once the promise settles. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the object visible and durable. @returns its size in bytes */
  close(): Promise<number>;
  /** Forgets everything written. Safe after `close` or twice. */
  abort(): Promise<void>;
}

/** One row of a listing. */
export interface ListedObject {
  readonly path: string;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch, where the back end knows. */
  readonly modifiedMs?: number;
}

/** A store in full. */
export interface Store extends ReadableStore {
  readonly capabilities: StoreCapabilities;
  /**
   * Writes a small object whole. `create` refuses an existing path, atomically.
   * @throws ALREADY_EXISTS (mode `create`), QUOTA_EXCEEDED, UNSUPPORTED (read-only store), IO
   */
  put(path: string, bytes: Uint8Array, options: StoreCallOptions & { mode: "create" | "overwrite" }): Promise<void>;
  /** @throws UNSUPPORTED on a read-only store */
  createWriter(path: string, options?: StoreCallOptions): Promise<StoreWriter>;
  /** All objects whose path starts with `prefix`, recursively, in ascending path order. @throws UNSUPPORTED */
  list(prefix: string, options?: StoreCallOptions): AsyncIterable<ListedObject>;
  /** Deletes one object; a missing one is no error. */
  delete(path: string, options?: StoreCallOptions): Promise<void>;
  /** `undefined` when only this thread can reach the data: the pool then serves it over a MessagePort. */
  describe(): StoreDescription | undefined;
  /** Frees handles and connections. */
  close?(): Promise<void>;
}
