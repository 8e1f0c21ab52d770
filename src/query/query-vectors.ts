import { LanceError } from "../errors.ts";
import type { VectorType } from "../index/vector-type.ts";
import { type QueryVector, toQueryVector } from "../kernels/element.ts";

/** One query vector, or several: an array of vectors, or an Arrow vector of lists. */
export type QueryInput = ArrayLike<number> | readonly ArrayLike<number>[] | ArrowVector;

/** What is used of a vector of Arrow, whichever copy of it made it. */
interface ArrowVector {
  readonly type: { readonly typeId: number };
  readonly length: number;
  [Symbol.iterator](): Iterator<unknown>;
}

/** The vectors of a query as those of the column are compared with them. */
export interface QueryVectors {
  readonly vectors: readonly QueryVector[];
  /** Whether several were asked for, if only as a list of one. */
  readonly isBatch: boolean;
}

/**
 * Reads what a nearest query is asked with. One copy.
 * @throws DIMENSION_MISMATCH, INVALID_ARGUMENT (values that are not finite, no query vector, one that is NULL)
 */
export function readQueryVectors(
  column: string,
  q: QueryInput,
  { dimension, element }: Pick<VectorType, "dimension" | "element">,
): QueryVectors {
  const read = (vector: ArrayLike<number>, position: number | null): QueryVector => {
    const received = vector?.length;
    if (received === dimension && typeof vector !== "string") return toQueryVector(listValues(vector), element);
    const which = position === null ? "query vector" : `query vector ${position}`;
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `${which}: column "${column}" has dimension ${dimension}, received ${received ?? String(vector)}`,
      { column, expected: dimension, received: received ?? null, ...(position === null ? {} : { position }) },
    );
  };
  if (!isBatch(q)) return { vectors: [read(q as ArrayLike<number>, null)], isBatch: false };
  const vectors = Array.from(q as ArrayLike<ArrayLike<number>>, read);
  if (vectors.length > 0) return { vectors, isBatch: true };
  throw new LanceError("INVALID_ARGUMENT", "nearest.q: expected at least one query vector, received none", { column });
}

/** A vector of Arrow has its values by iteration alone. */
function listValues(vector: ArrayLike<number>): ArrayLike<number> {
  return ArrayBuffer.isView(vector) || Array.isArray(vector) ? vector : Array.from(vector);
}

/** Arrow's numbers of the types whose values are lists. */
const LIST_TYPES: readonly unknown[] = [12, 16, 21];

/** Told by shape: another copy of Arrow may have made it. */
function isBatch(q: unknown): boolean {
  if (typeof q !== "object" || q === null || ArrayBuffer.isView(q)) return false;
  const typeId = (q as { type?: { typeId?: unknown } }).type?.typeId;
  if (typeId !== undefined) return LIST_TYPES.includes(typeId);
  const first: unknown = Array.isArray(q) ? q[0] : undefined;
  return typeof first === "object" && first !== null;
}
