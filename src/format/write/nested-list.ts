import { type ArrowData, bytesOfValues, validityOf } from "./arrow-data.ts";
import { copyBits } from "./bits.ts";
import type { ItemLayout, ItemRun } from "./item-buffer.ts";
import { describeNestedList, type LeafForm, measureNestedRow } from "./leaf-form.ts";

type NestedListForm = LeafForm & { kind: "nestedList" };

/** Rows of nested fixed-size lists: the validity bits of every level, then the values. One copy. */
export function flattenNestedLists(data: ArrowData, form: NestedListForm): ArrowData {
  const { dimensions, itemBytes } = form;
  const { levels, valueOffset, numItems, rowBytes } = measureNestedRow(dimensions, itemBytes);
  const { type, length, offset, nullCount, nullBitmap } = data;
  const values = new Uint8Array(length * rowBytes);
  let list = data;
  for (const { count, offset: levelOffset, byteWidth } of levels) {
    const items = list.children[0]!;
    const validity = items.type.typeId === 1 ? new Uint8Array(0) : validityOf(items);
    for (let row = 0; row < length; row++) {
      const at = row * rowBytes + levelOffset;
      if (validity && validity.length > 0) copyBits(values, at * 8, validity, items.offset + row * count, count);
      else if (!validity) fillOnes(values.subarray(at, at + byteWidth), count);
    }
    list = items;
  }
  const bytes = bytesOfValues(list);
  const numBytes = numItems * itemBytes;
  for (let row = 0; row < length && numBytes > 0; row++) {
    values.set(bytes.subarray(row * numBytes, (row + 1) * numBytes), row * rowBytes + valueOffset);
  }
  return { type, length, offset, nullCount, nullBitmap, values, children: [] };
}

function fillOnes(target: Uint8Array, numBits: number): void {
  target.fill(0xff);
  if ((numBits & 7) !== 0) target[target.length - 1] = (1 << (numBits & 7)) - 1;
}

/** The run without the validity bits of levels that hold no null, and how its rows lie then. */
export function trimNestedLists(run: ItemRun, form: NestedListForm): ItemRun {
  const { dimensions, itemBytes } = form;
  const { levels, valueOffset, rowBytes } = measureNestedRow(dimensions, itemBytes);
  const hasValidity = levels.map(({ offset, byteWidth, count }) => {
    for (let row = 0; row < run.count; row++) {
      // What lies under a null is nobody's.
      if (run.nulls?.[row] === 1) continue;
      const start = row * rowBytes + offset;
      if (!hasAllOnes(run.values.subarray(start, start + byteWidth), count)) return true;
    }
    return false;
  });
  // A level without values is told by its validity alone.
  if (itemBytes === 0) hasValidity[hasValidity.length - 1] = true;
  const kept = levels.filter((_, i) => hasValidity[i]);
  const layout: ItemLayout = { description: describeNestedList(form, hasValidity), zipped: kept.length > 0 };
  const parts = [...kept, { offset: valueOffset, byteWidth: rowBytes - valueOffset }];
  const byteWidth = parts.reduce((total, part) => total + part.byteWidth, 0);
  const type = { kind: "fixed", byteWidth } as const;
  if (byteWidth === rowBytes) return { ...run, type, layout };
  const values = new Uint8Array(run.count * byteWidth);
  for (let row = 0, at = 0; row < run.count; row++) {
    for (const part of parts) {
      const start = row * rowBytes + part.offset;
      values.set(run.values.subarray(start, start + part.byteWidth), at);
      at += part.byteWidth;
    }
  }
  return { ...run, type, layout, values };
}

function hasAllOnes(bytes: Uint8Array, numBits: number): boolean {
  const whole = numBits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== 0xff) return false;
  return (numBits & 7) === 0 || bytes[whole] === (1 << (numBits & 7)) - 1;
}
