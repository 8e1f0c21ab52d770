import { type Data, type FixedSizeList, Type } from "apache-arrow";
import { expectThat } from "./target.ts";

const HAS_OFFSETS: ReadonlySet<number> = new Set([
  Type.Utf8,
  Type.LargeUtf8,
  Type.Binary,
  Type.LargeBinary,
  Type.List,
  Type.LargeList,
  Type.Map,
]);
const NESTED: ReadonlySet<number> = new Set([Type.List, Type.LargeList, Type.Map]);

/** What Arrow demands of every array: sizes, offsets, null counts, children, dictionary indices. @throws WrongAnswer */
export function checkData(data: Data, path = "values"): void {
  const { type, length, offset } = data;
  expectThat(Number.isSafeInteger(length) && length >= 0, `${path}: a length of ${length}`);
  if (type.typeId === Type.Null) return;
  checkNulls(data, path);
  if (HAS_OFFSETS.has(type.typeId)) checkOffsets(data, path);
  else if (type.typeId === Type.Dictionary) checkIndices(data, path);
  else if (type.typeId === Type.Struct) {
    for (const child of data.children)
      expectThat(child.length === length, `${path}: a field of ${child.length} of ${length}`);
  } else if (type.typeId === Type.FixedSizeList) {
    const items = length * (type as FixedSizeList).listSize;
    expectThat(data.children[0]?.length === items, `${path}: ${data.children[0]?.length} items of ${items}`);
  } else {
    const values = data.values as unknown as { length: number };
    const stride = type.typeId === Type.Bool ? 1 / 8 : ((data as { stride?: number }).stride ?? 1);
    expectThat(
      values.length >= Math.ceil((offset + length) * stride),
      `${path}: ${values.length} values for ${length} rows`,
    );
  }
  for (const [i, child] of data.children.entries()) checkData(child, `${path}.${i}`);
}

function checkNulls({ nullBitmap, nullCount, length, offset }: Data, path: string): void {
  if (!nullBitmap || nullBitmap.byteLength === 0) {
    expectThat(nullCount === 0, `${path}: ${nullCount} nulls, no bitmap`);
    return;
  }
  expectThat(nullBitmap.byteLength * 8 >= offset + length, `${path}: a bitmap of ${nullBitmap.byteLength} bytes`);
  let nulls = 0;
  for (let i = offset; i < offset + length; i++) if (((nullBitmap[i >> 3]! >> (i & 7)) & 1) === 0) nulls++;
  expectThat(nulls === nullCount, `${path}: ${nullCount} nulls claimed, ${nulls} found`);
}

function checkOffsets(data: Data, path: string): void {
  const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
  expectThat(offsets.length >= data.length + 1, `${path}: ${offsets.length} offsets for ${data.length} rows`);
  let previous = Number(offsets[0]);
  expectThat(previous >= 0, `${path}: an offset of ${previous}`);
  for (let i = 1; i <= data.length; i++) {
    const next = Number(offsets[i]);
    expectThat(next >= previous, `${path}: offsets decrease at ${i}`);
    previous = next;
  }
  const end = NESTED.has(data.type.typeId) ? (data.children[0]?.length ?? -1) : (data.values as Uint8Array).length;
  expectThat(previous <= end, `${path}: offsets end at ${previous} of ${end}`);
}

function checkIndices(data: Data, path: string): void {
  const size = data.dictionary?.length ?? 0;
  const indices = data.values as unknown as ArrayLike<number | bigint>;
  expectThat(indices.length >= data.length, `${path}: ${indices.length} indices for ${data.length} rows`);
  for (let i = 0; i < data.length; i++) {
    const isNull = data.nullCount > 0 && ((data.nullBitmap![i >> 3]! >> (i & 7)) & 1) === 0;
    if (!isNull)
      expectThat(Number(indices[i]) >= 0 && Number(indices[i]) < size, `${path}: index ${indices[i]} of ${size}`);
  }
  for (const part of data.dictionary?.data ?? []) checkData(part, `${path}.dictionary`);
}
