import type { RowSelection } from "../format/read/row-ranges.ts";

/** Rows a selection names. */
export function countSelected(selection: RowSelection, physicalRows: number): number {
  if (selection.kind === "all") return physicalRows;
  if (selection.kind === "indices") return selection.indices.length;
  return selection.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}

/** The rows at positions `from` up to `to` of a selection. */
export function cutSelection(selection: RowSelection, from: number, to: number, physicalRows: number): RowSelection {
  if (from === 0 && to === countSelected(selection, physicalRows)) return selection;
  if (selection.kind === "indices") return { kind: "indices", indices: selection.indices.subarray(from, to) };
  if (selection.kind === "all") return { kind: "ranges", ranges: [[from, to]] };
  const ranges: (readonly [number, number])[] = [];
  let before = 0;
  for (const [start, end] of selection.ranges) {
    const [first, last] = [Math.max(start, start + from - before), Math.min(end, start + to - before)];
    if (last > first) ranges.push([first, last]);
    before += end - start;
  }
  return { kind: "ranges", ranges };
}

/** Physical offsets of the rows at positions `from` up to `to` of a selection. */
export function offsetsOf(selection: RowSelection, from: number, to: number): Uint32Array {
  if (selection.kind === "indices") return selection.indices.subarray(from, to);
  const offsets = new Uint32Array(to - from);
  const ranges = selection.kind === "ranges" ? selection.ranges : [[0, to] as const];
  let before = 0;
  let at = 0;
  for (const [start, end] of ranges) {
    const last = Math.min(end, start + to - before);
    for (let row = Math.max(start, start + from - before); row < last; row++) offsets[at++] = row;
    before += end - start;
  }
  return offsets;
}
