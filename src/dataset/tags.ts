import { findRoot } from "../table/refs/branch-root.ts";
import { getTag, listTags, type Tag } from "../table/refs/read-tags.ts";
import type { VersionReference } from "../table/refs/reference.ts";
import { createTag, deleteTag, updateTag } from "../table/refs/tags.ts";
import type { Snapshot } from "../table/snapshot.ts";

/** How long a call may take. */
interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Names for versions: `dataset.tags`. A clean-up keeps the versions they name. */
export class DatasetTags {
  readonly #use: () => Snapshot;

  constructor(use: () => Snapshot) {
    this.#use = use;
  }

  /** All tags by name. @throws UNSUPPORTED where the host cannot list, CORRUPT, IO, ABORTED */
  async list(options: CallOptions = {}): Promise<Record<string, Tag>> {
    return listTags((await findRoot(this.#use())).store, options);
  }

  /** One tag. @throws NOT_FOUND naming those there are, INVALID_ARGUMENT, CORRUPT, IO, ABORTED */
  async get(name: string, options: CallOptions = {}): Promise<Tag> {
    return getTag((await findRoot(this.#use())).store, name, options);
  }

  /** The version a tag names. @throws as `get` */
  async getVersion(name: string, options: CallOptions = {}): Promise<number> {
    return (await this.get(name, options)).version;
  }

  /**
   * Names a version; default this handle's.
   * @throws ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND (no such version), UNSUPPORTED, IO, ABORTED
   */
  async create(name: string, reference?: VersionReference, options: CallOptions = {}): Promise<Tag> {
    return createTag(this.#use(), name, { reference, ...options });
  }

  /** Moves a tag. @throws NOT_FOUND (no such tag or version), INVALID_ARGUMENT, UNSUPPORTED, IO, ABORTED */
  async update(name: string, reference?: VersionReference, options: CallOptions = {}): Promise<Tag> {
    return updateTag(this.#use(), name, { reference, ...options });
  }

  /** Takes the name away; the version stays until a clean-up. @throws NOT_FOUND, UNSUPPORTED, IO, ABORTED */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await deleteTag(this.#use(), name, options);
  }
}
