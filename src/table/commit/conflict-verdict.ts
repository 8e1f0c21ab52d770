import type { DataFragment, IndexMetadata } from "../../proto/gen/lance/table_pb.ts";
import type { RowAddressRule } from "./index-coverage.ts";
import type { KnownOperation, OperationOf, RebasableOperation } from "./operation.ts";

/**
 * How one of ours stands to one that was committed since ours was read: `none` = both hold; `merge` = both hold once
 * deletion vectors are united; `retry` = ours must be computed again from the new version; `abort` = ours is void.
 */
export interface Verdict {
  readonly kind: "none" | "merge" | "retry" | "abort";
  readonly reason?: string;
}

/** Fragment ids each index covers; `undefined` where its bitmap is missing. */
export type Coverage = ReadonlyMap<IndexMetadata, ReadonlySet<bigint> | undefined>;

/** What judging needs to know of our side. */
export interface OurSide<Case extends RebasableOperation["case"] = RebasableOperation["case"]> {
  readonly operation: OperationOf<Case>;
  /** Fragments as they were at our read version, by id. */
  readonly readFragments: ReadonlyMap<bigint, DataFragment>;
  /** Of the indexes either side creates. */
  readonly coverage: Coverage;
  /** A rewrite of ours that leaves indexes as they are and records where rows went in a fragment reuse index. */
  readonly defersRemap?: boolean | undefined;
  /** Which indexes answer with row addresses; absent: none is known to. */
  readonly holdsRowAddresses?: RowAddressRule | undefined;
}

/** Both hold. */
export const NONE: Verdict = { kind: "none" };

/** Ours must be computed again. */
export function retry(reason: string): Verdict {
  return { kind: "retry", reason };
}

/** Ours is void. */
export function abort(reason: string): Verdict {
  return { kind: "abort", reason };
}

/** An operation in words, with its article. */
export function describe({ case: name }: { readonly case: KnownOperation["case"] }): string {
  const article = /^[aeio]/.test(name) ? "an" : "a";
  return `${article} ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`.replace(
    /^a update/,
    "an update",
  );
}
