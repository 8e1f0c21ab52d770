import { type Data, Type, type Vector } from "apache-arrow";

/** Whether value `i` of one array is value `j` of another: bits of floats count, what lies under a null does not. */
export function sameValue(a: Data, i: number, b: Data, j: number): boolean {
  const isNull = isNullAt(a, i);
  if (isNull !== isNullAt(b, j)) return false;
  if (isNull) return true;
  switch (a.type.typeId) {
    case Type.Null:
      return true;
    case Type.Bool:
      return bitAt(a.values as Uint8Array, a.offset + i) === bitAt(b.values as Uint8Array, b.offset + j);
    case Type.Utf8:
    case Type.Binary:
    case Type.LargeUtf8:
    case Type.LargeBinary: {
      const [x, y] = [slot(a, i), slot(b, j)];
      return sameBytes(a.values as Uint8Array, x, b.values as Uint8Array, y);
    }
    case Type.List:
    case Type.LargeList:
    case Type.Map: {
      const [x, y] = [slot(a, i), slot(b, j)];
      if (x.end - x.start !== y.end - y.start) return false;
      for (let k = 0; k < x.end - x.start; k++) {
        if (!sameValue(a.children[0]!, x.start + k, b.children[0]!, y.start + k)) return false;
      }
      return true;
    }
    case Type.FixedSizeList: {
      const { listSize } = a.type as unknown as { listSize: number };
      for (let k = 0; k < listSize; k++) {
        if (!sameValue(a.children[0]!, i * listSize + k, b.children[0]!, j * listSize + k)) return false;
      }
      return true;
    }
    case Type.Struct:
      return a.children.every((child, k) => sameValue(child, i, b.children[k]!, j));
    case Type.Dictionary: {
      const [x, y] = [entry(a, i), entry(b, j)];
      return sameValue(x.data, x.at, y.data, y.at);
    }
    default: {
      const width = a.stride * (a.values as Uint8Array).BYTES_PER_ELEMENT;
      const span = (at: number) => ({ start: at * width, end: (at + 1) * width });
      return sameBytes(bytesOf(a), span(i), bytesOf(b), span(j));
    }
  }
}

/** An array of several chunks by one row number. */
export function locate(vector: Vector, row: number): { data: Data; at: number } {
  let at = row;
  for (const data of vector.data) {
    if (at < data.length) return { data, at };
    at -= data.length;
  }
  throw new RangeError(`row ${row} of ${vector.length}`);
}

function entry(data: Data, i: number) {
  return locate(data.dictionary!, Number((data.values as ArrayLike<number | bigint>)[i]));
}

function isNullAt(data: Data, i: number): boolean {
  if (data.type.typeId === Type.Null) return true;
  if (data.nullCount === 0 || !data.nullBitmap?.length) return false;
  return !bitAt(data.nullBitmap, data.offset + i);
}

function slot(data: Data, i: number) {
  const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
  return { start: Number(offsets[i]), end: Number(offsets[i + 1]) };
}

function bytesOf(data: Data): Uint8Array {
  const { buffer, byteOffset, byteLength } = data.values as Uint8Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function bitAt(bits: Uint8Array, at: number): boolean {
  return ((bits[at >> 3]! >> (at & 7)) & 1) === 1;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function sameBytes(a: Uint8Array, x: Span, b: Uint8Array, y: Span): boolean {
  const length = x.end - x.start;
  if (length !== y.end - y.start) return false;
  for (let k = 0; k < length; k++) if (a[x.start + k] !== b[y.start + k]) return false;
  return true;
}
