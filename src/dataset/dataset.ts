import { LanceError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { createBranch } from "../table/refs/create-branch.ts";
import { openReference, type VersionReference } from "../table/refs/reference.ts";
import { openVersion, type Snapshot } from "../table/snapshot.ts";
import { type CleanupOptions, type CleanupStats, cleanupOldVersions } from "../write/cleanup/cleanup-versions.ts";
import type { TabularData } from "../write/input/input.ts";
import { mergeInsert } from "../write/merge-insert/merge-insert.ts";
import { restoreVersion } from "../write/restore-version.ts";
import type { ConflictOptions } from "../write/retry-conflicts.ts";
import { deleteWhere } from "../write/rows/delete-where.ts";
import { type InsertOptions, insertRows } from "../write/rows/insert-rows.ts";
import { type UpdateResult, type UpdateRowsOptions, type UpdateSpec, updateRows } from "../write/rows/update-rows.ts";
import { type AddColumnsOptions, addColumns, type NewColumns } from "../write/schema/add-columns.ts";
import { alterColumns, type ColumnAlteration } from "../write/schema/alter-columns.ts";
import { dropColumns } from "../write/schema/drop-columns.ts";
import { type MetadataChanges, type MetadataOptions, updateMetadata } from "../write/schema/update-config.ts";
import { DatasetBranches } from "./branches.ts";
import { DatasetIndexes } from "./dataset-indexes.ts";
import { MergeInsertBuilder } from "./merge-insert.ts";
import { DatasetOptimizer } from "./optimize.ts";
import { DatasetTags } from "./tags.ts";

/**
 * A Lance table at one version. Writes move this handle to the version they made; a running scanner keeps its own;
 * `checkoutVersion` gives a new handle. Close it when done.
 */
export class Dataset extends DatasetIndexes {
  /** Names for versions. */
  get tags(): DatasetTags {
    return new DatasetTags(() => this.handle.snapshot);
  }

  /** Lines of versions beside the main one. */
  get branches(): DatasetBranches {
    return new DatasetBranches(() => this.handle.snapshot);
  }

  /**
   * Appends rows in one commit, or replaces all of them (`mode: "overwrite"`). Columns are matched by name.
   * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; nothing is then left
   */
  async insert(data: TabularData, options: InsertOptions = {}): Promise<void> {
    this.handle.moveTo(await insertRows(this.handle.snapshot, data, options));
  }

  /**
   * Changes rows in one commit: `values` are the same for every row, `valuesSql` are expressions over the old row.
   * @example
   * await dataset.update({ where: "size IS NULL", values: { size: 0 }, valuesSql: { name: "upper(name)" } });
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; the table is
   * then as it was
   */
  async update(spec: UpdateSpec, options?: UpdateRowsOptions): Promise<UpdateResult> {
    const { snapshot, result } = await updateRows(this.handle.snapshot, spec, this.handle.environment(), options);
    this.handle.moveTo(snapshot);
    return result;
  }

  /**
   * Merges rows into the table by key: update, insert and delete, arm by arm, in one commit.
   * @param on names of the key columns; none = the table's primary key
   * @example
   * await dataset.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows);
   */
  mergeInsert(on: string | readonly string[] = []): MergeInsertBuilder {
    return new MergeInsertBuilder(
      async (spec, data, options) => {
        const { snapshot, result } = await mergeInsert(
          this.handle.snapshot,
          spec,
          data,
          this.handle.environment(),
          options,
        );
        this.handle.moveTo(snapshot);
        return result;
      },
      { on: typeof on === "string" ? [on] : [...on] },
    );
  }

  /**
   * Deletes the rows `predicate` is true for, in one commit.
   * @returns how many were deleted
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, COMMIT_CONFLICT { retryable }, IO, ABORTED; the table is then as it was
   */
  async delete(predicate: string, options?: ConflictOptions): Promise<number> {
    const result = await deleteWhere(this.handle.snapshot, predicate, this.handle.environment(), options);
    this.handle.moveTo(result.snapshot);
    return result.numDeletedRows;
  }

  /**
   * Adds columns: SQL expressions by name, Arrow fields (null in every row), or a function over batches.
   * @example
   * await dataset.addColumns({ twice: "size * 2" });
   * await dataset.addColumns((batch) => embed(batch), { readColumns: ["text"] });
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED
   */
  async addColumns(columns: NewColumns, options?: AddColumnsOptions): Promise<void> {
    this.handle.moveTo(await addColumns(this.handle.snapshot, columns, options));
  }

  /**
   * Renames columns, lets them be null or not, or casts them.
   * @example
   * await dataset.alterColumns([{ path: "size", rename: "bytes" }, { path: "user.age", dataType: new Int64() }]);
   * @throws INVALID_ARGUMENT, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED
   */
  async alterColumns(alterations: readonly ColumnAlteration[], options?: ConflictOptions): Promise<void> {
    this.handle.moveTo(await alterColumns(this.handle.snapshot, alterations, options));
  }

  /**
   * Takes columns, or fields of structs (`a.b`), out of the schema, with the indexes on them. Their data stays until a
   * compaction.
   * @throws INVALID_ARGUMENT, UNSUPPORTED, COMMIT_CONFLICT, IO, ABORTED
   */
  async dropColumns(paths: readonly string[], options?: ConflictOptions): Promise<void> {
    this.handle.moveTo(await dropColumns(this.handle.snapshot, paths, options));
  }

  /** Changes the config; `null` takes a key out. @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED */
  async updateConfig(changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.handle.moveTo(await updateMetadata(this.handle.snapshot, "config", changes, options));
  }

  /** Takes keys out of the config. @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED */
  async deleteConfigKeys(keys: readonly string[], options?: ConflictOptions): Promise<void> {
    if (!Array.isArray(keys)) {
      throw new LanceError("INVALID_ARGUMENT", `keys: expected an array of config keys, received ${typeof keys}`);
    }
    const changes = Object.fromEntries(keys.map((key) => [key, null]));
    this.handle.moveTo(await updateMetadata(this.handle.snapshot, "config", changes, options));
  }

  /** Changes the table's metadata; `null` takes a key out. @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED */
  async updateTableMetadata(changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.handle.moveTo(await updateMetadata(this.handle.snapshot, "tableMetadata", changes, options));
  }

  /** Changes the schema's metadata; `null` takes a key out. @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED */
  async updateSchemaMetadata(changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.handle.moveTo(await updateMetadata(this.handle.snapshot, "schemaMetadata", changes, options));
  }

  /**
   * Changes the metadata of one field; `null` takes a key out.
   * @param path a column, or a field in a struct: `a.b`
   * @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED
   */
  async updateFieldMetadata(path: string, changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.handle.moveTo(await updateMetadata(this.handle.snapshot, { field: path }, changes, options));
  }

  /**
   * A new handle at another version; this one stays.
   * @param reference a version of this branch, a tag, or `{ branch, version }` (default: the branch's newest)
   * @throws INVALID_ARGUMENT, NOT_FOUND (version, tag or branch), UNSUPPORTED, CORRUPT, IO, ABORTED
   */
  async checkoutVersion(
    reference: VersionReference,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Dataset> {
    return this.#derive(await openReference(this.handle.snapshot, reference, options.signal));
  }

  /** A new handle on a branch, `main` included; default its newest version. @throws as `checkoutVersion` */
  async checkoutBranch(
    branch: string,
    version?: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Dataset> {
    return this.checkoutVersion({ branch, version }, options);
  }

  /**
   * Starts a branch at this version, or at another one, and gives a handle on it. Nothing is copied.
   * @throws ALREADY_EXISTS, INVALID_ARGUMENT (the name), NOT_FOUND, UNSUPPORTED, QUOTA_EXCEEDED, IO, ABORTED
   */
  async createBranch(
    name: string,
    reference?: VersionReference,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Dataset> {
    return this.#derive(await createBranch(this.handle.snapshot, name, { reference, ...options }));
  }

  /**
   * Makes the content of an old version the newest one; what came between stays in the history.
   * @param reference default this handle's version, as when an old one was checked out
   * @throws NOT_FOUND, INVALID_ARGUMENT (rows got stable ids since), COMMIT_CONFLICT, IO, ABORTED
   */
  async restore(reference?: number | string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.handle.moveTo(await restoreVersion(this.handle.snapshot, { reference, ...options }));
  }

  /** Moves this handle to the newest version, as another writer may have made one. */
  async checkoutLatest(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.handle.reset(await openVersion(this.handle.snapshot, options));
  }

  /** Calls that improve how the table is laid out: `dataset.optimize.compactFiles()`. */
  get optimize(): DatasetOptimizer {
    return new DatasetOptimizer({
      use: () => ({ snapshot: this.handle.snapshot, ...this.handle.defaults(), pool: this.handle.searchPool() }),
      moveTo: (snapshot) => this.handle.moveTo(snapshot),
    });
  }

  /**
   * Removes versions older than 14 days, or as told, with the files no other version, tag or branch needs, and debris
   * of failed writes older than 7 days. The newest version stays.
   *
   * @returns what was removed; with `dryRun` what would be
   * @throws INVALID_ARGUMENT (also for tagged old versions), UNSUPPORTED, CORRUPT, IO, ABORTED
   */
  async cleanupOldVersions(options: CleanupOptions = {}): Promise<CleanupStats> {
    return cleanupOldVersions(this.handle.snapshot, options);
  }

  #derive(snapshot: Snapshot): Dataset {
    return new Dataset(snapshot, { ...this.handle.resources, store: snapshot.store as Store, ownsStore: false });
  }
}
