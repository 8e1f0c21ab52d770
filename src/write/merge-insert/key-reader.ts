import { type Data, type DataType, Type } from "apache-arrow";
import { LanceError } from "../../errors.ts";

/**
 * A key in a form that a `Map` tells apart as native's join does: by the bits of numbers (so 0.0 is not −0.0) and the
 * bytes of everything else. Two columns of one Lance type give the same form, whatever their Arrow layout.
 */
export type Key = number | bigint | string;

/** The key of a row; `undefined` where it is null, or a part of it is: null equals nothing. */
export type KeyReader = (row: number) => Key | undefined;

/** Injective on bytes: every byte has a character of its own. */
const decoder = new TextDecoder("windows-1252");

/** Reads the key out of the key columns of one batch. @throws UNSUPPORTED for types without equality */
export function createKeyReader(columns: readonly Data[]): KeyReader {
  const readers = columns.map(createReader);
  if (readers.length === 1) return readers[0]!;
  return (row) => {
    let key = "";
    for (const read of readers) {
      const part = read(row);
      if (part === undefined) return undefined;
      const text = String(part);
      key += `${text.length}:${text}`;
    }
    return key;
  };
}

function createReader(data: Data): KeyReader {
  const read = createValueReader(data);
  const { nullBitmap, offset, nullCount } = data;
  if (data.typeId === Type.Null) return () => undefined;
  if (nullCount === 0 || nullBitmap === undefined || nullBitmap.length === 0) return read;
  return (row) => {
    const at = offset + row;
    return (nullBitmap[at >> 3]! >> (at & 7)) & 1 ? read(row) : undefined;
  };
}

function createValueReader(data: Data): KeyReader {
  const type = data.type as DataType;
  switch (type.typeId) {
    case Type.Null:
      return () => undefined;
    case Type.Bool: {
      const bits = data.values as Uint8Array;
      return (row) => (bits[(data.offset + row) >> 3]! >> ((data.offset + row) & 7)) & 1;
    }
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary: {
      const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
      const bytes = data.values as Uint8Array;
      return (row) => decoder.decode(bytes.subarray(Number(offsets[row]!), Number(offsets[row + 1]!)));
    }
    case Type.Dictionary:
      return createDictionaryReader(data);
    case Type.Struct:
      return createTupleReader(data.children.map(createReader));
    case Type.List:
    case Type.LargeList: {
      const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
      return createListReader(data.children[0]!, (row) => [Number(offsets[row]!), Number(offsets[row + 1]!)]);
    }
    case Type.FixedSizeList: {
      const { listSize } = type as DataType & { listSize: number };
      return createListReader(data.children[0]!, (row) => [row * listSize, (row + 1) * listSize]);
    }
    case Type.Int:
    case Type.Float:
    case Type.Decimal:
    case Type.Date:
    case Type.Time:
    case Type.Timestamp:
    case Type.Duration:
    case Type.FixedSizeBinary:
      return createFixedReader(data);
    default:
      throw new LanceError(
        "UNSUPPORTED",
        `a key cannot be of type ${type}: expected a type whose values can be equal`,
        {
          type: String(type),
        },
      );
  }
}

/** Bits of a fixed-width value as a number while they fit one. */
function createFixedReader(data: Data): KeyReader {
  const values = data.values as Uint8Array;
  const width = values.BYTES_PER_ELEMENT * data.stride;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (width === 1) return (row) => bytes[row]!;
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  if (width === 2) return (row) => view.getUint16(row * 2, true);
  if (width === 4) return (row) => view.getUint32(row * 4, true);
  if (width === 8) {
    return (row) => {
      const high = view.getUint32(row * 8 + 4, true);
      // Below 2^53 a number is exact; above, the bigint keeps the two apart.
      return high < 0x200000 ? high * 0x100000000 + view.getUint32(row * 8, true) : view.getBigUint64(row * 8, true);
    };
  }
  return (row) => decoder.decode(bytes.subarray(row * width, (row + 1) * width));
}

function createDictionaryReader(data: Data): KeyReader {
  const keys: (Key | undefined)[] = [];
  for (const chunk of data.dictionary?.data ?? []) {
    const read = createReader(chunk as Data);
    for (let row = 0; row < chunk.length; row++) keys.push(read(row));
  }
  const indices = data.values as unknown as ArrayLike<number | bigint>;
  return (row) => keys[Number(indices[row]!)];
}

/** Nulls inside of a value are values: two lists with a null in one place are equal. */
function createTupleReader(readers: readonly KeyReader[]): KeyReader {
  return (row) => readers.map((read) => describePart(read(row))).join("");
}

function createListReader(items: Data, range: (row: number) => readonly [number, number]): KeyReader {
  const read = createReader(items);
  return (row) => {
    const [start, end] = range(row);
    let key = `${end - start};`;
    for (let i = start; i < end; i++) key += describePart(read(i));
    return key;
  };
}

function describePart(part: Key | undefined): string {
  if (part === undefined) return "~";
  const text = String(part);
  return `${text.length}:${text}`;
}
