import { TIME_UNITS } from "../logical-type.ts";

/**
 * Arrow columns by shape. Nothing here asks `instanceof`: batches may come from another copy of apache-arrow.
 * Values and offsets of a sliced column are already cut; its `offset` counts for bitmaps and booleans only.
 */

/** The parts of an apache-arrow `DataType` that tell what it is. */
export interface ArrowType {
  readonly typeId: number;
  readonly bitWidth?: number;
  readonly isSigned?: boolean;
  readonly precision?: number;
  readonly scale?: number;
  readonly unit?: number;
  readonly timezone?: string | null;
  readonly byteWidth?: number;
  readonly listSize?: number;
  readonly children?: readonly { readonly name: string; readonly type: ArrowType }[] | null | undefined;
  readonly dictionary?: ArrowType;
}

/** The parts of an apache-arrow `Data` that hold a column. */
export interface ArrowData {
  readonly type: ArrowType;
  readonly length: number;
  readonly offset: number;
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array | undefined;
  readonly values?: ArrayBufferView | undefined;
  readonly valueOffsets?: Int32Array | BigInt64Array | Float64Array | undefined;
  readonly children: readonly ArrowData[];
  readonly dictionary?: { readonly data: readonly ArrowData[] } | undefined;
  readonly variadicBuffers?: readonly Uint8Array[];
}

const FLOATS = ["halffloat", "float", "double"];

/**
 * Lance's name for an Arrow type (format page section 1.3); dictionary columns give the name of their values, views that
 * of the plain type. A list gives `list<item>`, since its item is a field of its own in Lance.
 * @returns `undefined` for a type this writer does not know
 */
export function describeArrowType(type: ArrowType): string | undefined {
  switch (type.typeId) {
    case -1:
      return type.dictionary && describeArrowType(type.dictionary);
    case 1:
      return "null";
    case 2:
      return `${type.isSigned ? "int" : "uint"}${type.bitWidth}`;
    case 3:
      return FLOATS[type.precision ?? -1];
    case 4:
    case 23:
      return "binary";
    case 5:
    case 24:
      return "string";
    case 6:
      return "bool";
    case 7:
      return `decimal:${type.bitWidth}:${type.precision}:${type.scale}`;
    case 8:
      return type.unit === 0 ? "date32:day" : "date64:ms";
    case 9:
      return `time${type.bitWidth}:${TIME_UNITS[type.unit ?? 0]}`;
    case 10:
      return `timestamp:${TIME_UNITS[type.unit ?? 0]}:${type.timezone || "-"}`;
    case 12:
    case 21: {
      const item = type.children?.[0] && describeArrowType(type.children[0].type);
      return item && `${type.typeId === 12 ? "list" : "large_list"}<${item}>`;
    }
    case 13:
      return "struct";
    case 17:
      return "map";
    case 15:
      return `fixed_size_binary:${type.byteWidth}`;
    case 16: {
      const item = type.children?.[0] && describeArrowType(type.children[0].type);
      return item && `fixed_size_list:${item}:${type.listSize}`;
    }
    case 18:
      return `duration:${TIME_UNITS[type.unit ?? 0]}`;
    case 19:
      return "large_binary";
    case 20:
      return "large_string";
    default:
      return undefined;
  }
}

const EMPTY = new Uint8Array(0);

/** The value buffer as bytes. No copy. */
export function bytesOfValues(data: ArrowData): Uint8Array {
  const { values } = data;
  if (!values) return EMPTY;
  return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
}

/** The validity bitmap, or `undefined` where every value is valid. */
export function validityOf(data: ArrowData): Uint8Array | undefined {
  const { nullBitmap } = data;
  return nullBitmap && nullBitmap.length > 0 && data.nullCount !== 0 ? nullBitmap : undefined;
}

/** Offset `index` of a list, string or binary column, of either width. */
export function offsetAt(data: ArrowData, index: number): number {
  return Number(data.valueOffsets?.[index] ?? 0);
}
