import { LanceError } from "../errors.ts";
import type { Expression } from "./ast.ts";

/** Levels of nesting a filter may have; deeper ones would exhaust the stack of a small worker. */
export const MAX_FILTER_DEPTH = 200;

/** Height of each node of one tree, so that long chains of left-associative operators are bounded too. */
export class NodeHeights {
  readonly #heights = new WeakMap<Expression, number>();

  /**
   * Notes a node above its children, which were noted before.
   *
   * @param position where the parser stands, for the error
   * @throws INVALID_ARGUMENT when it is higher than {@link MAX_FILTER_DEPTH}
   */
  note(node: Expression, children: readonly Expression[], position: number): void {
    let height = 0;
    for (const child of children) height = Math.max(height, this.#heights.get(child) ?? 0);
    if (height >= MAX_FILTER_DEPTH) throw tooDeep(position);
    this.#heights.set(node, height + 1);
  }
}

/** The error of a filter nested deeper than {@link MAX_FILTER_DEPTH}. */
export function tooDeep(position: number): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `filter is nested deeper than ${MAX_FILTER_DEPTH} levels; write it flatter, for instance with IN (…)`,
    { position, maximum: MAX_FILTER_DEPTH },
  );
}
