import { Data, type DataType, Type } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { createNullData } from "./null-data.ts";

/** Rows of one field as far as one file holds it. */
export interface FieldPart {
  readonly field: LanceField;
  readonly data: Data;
}

/**
 * Puts a nested field together whose leaves were read from several files: each file has the structure above its own
 * leaves. What lies in no file is null.
 *
 * @param type the whole field's Arrow type
 * @param parts at least one, of equal length
 * @throws CORRUPT when the files disagree about the lengths of lists
 */
export function mergeData(field: LanceField, type: DataType, parts: readonly FieldPart[]): Data {
  const first = parts[0]!;
  if (parts.length === 1 && first.field === field) return first.data;
  const { length, nullCount, nullBitmap, offset } = first.data;
  switch (type.typeId) {
    case Type.Struct: {
      const children = field.children.map((child, i) => {
        const found = parts.flatMap((part) => childPart(part, child));
        const childType = type.children![i]!.type;
        return found.length === 0 ? createNullData(childType, length) : mergeData(child, childType, found);
      });
      return new Data(type, offset, length, nullCount, [undefined, undefined, nullBitmap] as never, children);
    }
    case Type.FixedSizeList:
    case Type.List:
    case Type.LargeList:
    case Type.Map: {
      const lists = parts.map(({ field: part, data }) => ({ field: part, ...takeItems(data) }));
      const items = lists.map((list) => ({ field: list.field.children[0]!, data: list.items }));
      const numItems = items[0]!.data.length;
      if (items.some(({ data }) => data.length !== numItems)) {
        throw new LanceError("CORRUPT", `the files of "${field.name}" disagree about the lengths of its lists`, {
          field: field.name,
        });
      }
      const child = mergeData(field.children[0]!, type.children![0]!.type, items);
      const { offsets } = lists[0]!;
      return new Data(type, offset, length, nullCount, [offsets, undefined, nullBitmap] as never, [child]);
    }
    default:
      return first.data;
  }
}

function childPart({ field, data }: FieldPart, child: LanceField): FieldPart[] {
  const at = field.children.findIndex((candidate) => candidate.id === child.id);
  return at < 0 ? [] : [{ field: field.children[at]!, data: data.children[at]! }];
}

/** Items of lists without what lies before and after them, and offsets that count from the first. */
function takeItems(data: Data): { items: Data; offsets: Int32Array | BigInt64Array | undefined } {
  const items = data.children[0]!;
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined;
  if (data.type.typeId === Type.FixedSizeList || offsets === undefined) return { items, offsets: undefined };
  const start = Number(offsets[0]);
  const end = Number(offsets[data.length]);
  if (start === 0 && end === items.length) return { items, offsets };
  const rebased =
    offsets instanceof BigInt64Array
      ? offsets.map((offset) => offset - BigInt(start))
      : offsets.map((offset) => offset - start);
  return { items: items.slice(start, end - start), offsets: rebased };
}
