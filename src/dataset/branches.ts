import { findRoot } from "../table/refs/branch-root.ts";
import { deleteBranch } from "../table/refs/delete-branch.ts";
import { type Branch, getBranch, listBranches } from "../table/refs/read-branches.ts";
import type { Snapshot } from "../table/snapshot.ts";

/** How long a call may take. */
interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Lines of versions beside the main one: `dataset.branches`. They start with `dataset.createBranch`. */
export class DatasetBranches {
  readonly #use: () => Snapshot;

  constructor(use: () => Snapshot) {
    this.#use = use;
  }

  /** All branches but the main one, by name. @throws UNSUPPORTED where the host cannot list, CORRUPT, IO, ABORTED */
  async list(options: CallOptions = {}): Promise<Record<string, Branch>> {
    return listBranches((await findRoot(this.#use())).store, options);
  }

  /** One branch. @throws NOT_FOUND naming those there are, INVALID_ARGUMENT, CORRUPT, IO, ABORTED */
  async get(name: string, options: CallOptions = {}): Promise<Branch> {
    return getBranch((await findRoot(this.#use())).store, name, options);
  }

  /**
   * Removes a branch with its versions and files.
   * @param options.force also what is left of one that is not on the list, as its making or deletion stopped midway
   * @throws NOT_FOUND, INVALID_ARGUMENT (another branch left from it, a tag names it, this handle is on it),
   *   UNSUPPORTED, IO, ABORTED
   */
  async delete(name: string, options: CallOptions & { readonly force?: boolean } = {}): Promise<void> {
    await deleteBranch(this.#use(), name, options);
  }
}
