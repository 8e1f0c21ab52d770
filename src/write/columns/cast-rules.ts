import { type DataType, Type } from "apache-arrow";

const TEMPORAL: ReadonlySet<number> = new Set([Type.Date, Type.Time, Type.Timestamp, Type.Duration]);
const TEXT: ReadonlySet<number> = new Set([Type.Utf8, Type.LargeUtf8]);
const BYTES: ReadonlySet<number> = new Set([Type.Binary, Type.LargeBinary]);
const LISTS: ReadonlySet<number> = new Set([Type.List, Type.LargeList, Type.FixedSizeList]);
const KINDS = [TEMPORAL, TEXT, BYTES];

/** Whether a column may change from one type to the other, as native has it: to another of its kind, wider or narrower. */
export function isCastable(from: DataType, to: DataType): boolean {
  if (from.typeId === Type.Dictionary) return isCastable((from as never as { dictionary: DataType }).dictionary, to);
  if (to.typeId === Type.Dictionary) return isCastable(from, (to as never as { dictionary: DataType }).dictionary);
  if (LISTS.has(from.typeId) && LISTS.has(to.typeId)) {
    return isCastable(from.children[0]!.type, to.children[0]!.type);
  }
  if (KINDS.some((kind) => kind.has(from.typeId))) {
    return KINDS.some((kind) => kind.has(from.typeId) && kind.has(to.typeId));
  }
  const same: readonly number[] = [Type.Int, Type.Float, Type.Bool, Type.Decimal];
  return from.typeId === to.typeId && same.includes(from.typeId);
}
