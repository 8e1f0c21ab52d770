import type { Schema, Table } from "apache-arrow";
import { toArrowSchema } from "../format/arrow-schema.ts";
import type { ScannerOptions } from "../query/scan-options.ts";
import { Scanner } from "../query/scanner.ts";
import { type TakeOptions, takeOffsets, takeRowIds } from "../query/take.ts";
import { type TakeBlobsOptions, takeBlobs } from "../query/take-blobs.ts";
import { openStore } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { listVersions, type VersionInfo } from "../table/manifest/versions.ts";
import { MAIN_BRANCH } from "../table/refs/ref-names.ts";
import type { BlobFile } from "../table/rows/blob-file.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { type CopyOptions, copyTable } from "../write/copy/copy-table.ts";
import { readMetadata } from "../write/schema/update-config.ts";
import { DatasetHandle, type DatasetResources } from "./dataset-handle.ts";
import { type WatchOptions, watchVersions } from "./watch-versions.ts";

/** Reading a table at one version: the part of a {@link Dataset} that changes nothing. */
export class DatasetReads {
  /** @internal */
  protected readonly handle: DatasetHandle;

  constructor(snapshot: Snapshot, resources: DatasetResources) {
    this.handle = new DatasetHandle(snapshot, resources);
  }

  /** Where the table is. */
  get uri(): string {
    return this.handle.snapshot.uri;
  }

  /** The version this handle reads. */
  get version(): number {
    return this.handle.snapshot.version;
  }

  /**
   * Whether the table's host could not be reached when this version was chosen: it is the newest one kept on this
   * device, and newer ones may exist.
   */
  get offline(): boolean {
    return this.handle.snapshot.offline === true;
  }

  /** The branch this handle is on; `main` is the one a table starts with. */
  get branch(): string {
    return this.handle.snapshot.manifest.branch || MAIN_BRANCH;
  }

  /** The columns, as Arrow. */
  get schema(): Schema {
    return toArrowSchema(this.handle.snapshot.schema);
  }

  /** Ids of the fragments, ascending. */
  get fragmentIds(): number[] {
    return this.handle.snapshot.fragments.map((fragment) => fragment.id);
  }

  /** Rows of this version, or those `filter` is true for. Without a filter nothing is read. */
  async countRows(filter?: string, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    return this.scanner({ filter, ...options }).countRows();
  }

  /**
   * A question to this version of the table.
   * @example
   * const nearest = await dataset.scanner({ nearest: { column: "vector", q, k: 10 }, filter: "year > 2000" }).toTable();
   */
  scanner(options: ScannerOptions = {}): Scanner {
    const { memoryBudgetBytes } = this.handle.resources;
    return new Scanner(this.handle.snapshot, options, {
      // What is no object is refused where the options are checked.
      pool: options?.pool ?? this.handle.searchPool(),
      memoryBudgetBytes,
    });
  }

  /** `scanner(options).toTable()`. */
  async toTable(options: ScannerOptions = {}): Promise<Table> {
    return this.scanner(options).toTable();
  }

  /**
   * Rows by position among the live rows, in the order asked for, repeats included.
   * @throws INVALID_ARGUMENT for a position outside of the table
   */
  async take(indices: ArrayLike<number>, options: TakeOptions = {}): Promise<Table> {
    return takeOffsets(this.handle.snapshot, indices, options);
  }

  /** Rows by `_rowid`, in the order asked for, repeats included. @throws NOT_FOUND naming the first that is gone */
  async takeRows(rowIds: ArrayLike<bigint | number>, options: TakeOptions = {}): Promise<Table> {
    return takeRowIds(this.handle.snapshot, rowIds, options);
  }

  /**
   * The blobs of some rows, without their bytes: those are read on demand. `null` where a row has none.
   * @param column a blob column, or `a.b` for one in a struct
   * @example
   * const [video] = await dataset.takeBlobs("video", { indices: [0] });
   * const head = await video?.readRange(0, 4096);
   * @throws INVALID_ARGUMENT, NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
   */
  async takeBlobs(column: string, options: TakeBlobsOptions): Promise<(BlobFile | null)[]> {
    return takeBlobs(this.handle.snapshot, column, options);
  }

  /** All versions there are, ascending. One manifest read each. */
  async versions(options: { readonly signal?: AbortSignal } = {}): Promise<VersionInfo[]> {
    return listVersions(this.handle.snapshot.store, options);
  }

  /**
   * Numbers of new versions, as other handles, tabs, workers or processes commit them; `checkoutLatest` moves this
   * handle there. Versions that come together are one. It ends with `signal`, or when this handle is closed.
   * @example
   * for await (const version of dataset.watch({ signal })) await dataset.checkoutLatest();
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<number> {
    return watchVersions(() => this.handle.snapshot, this.handle.closed, options);
  }

  /**
   * Copies this version whole into another store, where it becomes visible with the last write, as a table of its own:
   * files of other bases are copied into it. A copy that stopped goes on where it was when called again: files that were
   * whole by then are kept.
   * @param target a store, or the URI of one
   * @throws INVALID_ARGUMENT, ALREADY_EXISTS, UNSUPPORTED, NOT_FOUND, CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
   */
  async copyTo(target: string | Store, options: CopyOptions = {}): Promise<void> {
    const store = await openStore(target, { signal: options.signal });
    try {
      await copyTable(this.handle.snapshot, store, options);
    } finally {
      if (store !== target) await store.close?.();
    }
  }

  /** The table's config: settings that writers heed, by key. */
  config(): Record<string, string> {
    return readMetadata(this.handle.snapshot, "config");
  }

  /** Text by key that users keep with the table. */
  tableMetadata(): Record<string, string> {
    return readMetadata(this.handle.snapshot, "tableMetadata");
  }

  /** Frees what this handle holds open. Workers of a pool given to it stay. */
  async close(): Promise<void> {
    await this.handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
