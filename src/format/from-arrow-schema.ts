import { type DataType, Field, LargeBinary, type Schema, Struct, TimeUnit, Type, Utf8 } from "apache-arrow";
import { LanceError } from "../errors.ts";
import { BLOB_V1_KEY, BLOB_V2_EXTENSION } from "./blob-field.ts";
import type { LanceField, LanceSchema } from "./schema.ts";

const UNIT_NAMES: Readonly<Record<number, string>> = {
  [TimeUnit.SECOND]: "s",
  [TimeUnit.MILLISECOND]: "ms",
  [TimeUnit.MICROSECOND]: "us",
  [TimeUnit.NANOSECOND]: "ns",
};

const EXTENSION_KEY = "ARROW:extension:name";
const BFLOAT16 = "lance.bfloat16";

/** How a schema is taken over. */
export interface FromArrowOptions {
  /** 0 unless told. */
  readonly firstFieldId?: number;
  /**
   * Columns of bytes that ask for blob storage in the way of files 2.1 become blobs of version 2, as native does when it
   * writes files 2.2.
   */
  readonly promoteBlobs?: boolean;
}

/**
 * A Lance schema for an Arrow schema. Field ids count up in pre-order from `firstFieldId`. Text of the extension
 * `arrow.json` becomes JSON. Types are told apart by their type id, so schemas of another copy of Arrow work.
 * @throws UNSUPPORTED naming the column and its type
 */
export function fromArrowSchema(schema: Schema, options: FromArrowOptions = {}): LanceSchema {
  let nextId = options.firstFieldId ?? 0;
  const convert = (given: Field, parentId: number, path: string): LanceField => {
    const id = nextId++;
    const field = options.promoteBlobs ? promoteBlob(given) : given;
    const logicalType = isOldBlob(field)
      ? "large_binary"
      : toLogicalType(field.type, path, field.metadata.get(EXTENSION_KEY));
    return {
      id,
      parentId,
      name: field.name,
      logicalType,
      nullable: field.nullable,
      metadata: encodeMetadata(logicalType === "json" ? jsonMetadata(field.metadata) : field.metadata),
      children: childFields(field.type).map((child) => convert(child, id, `${path}.${child.name}`)),
    };
  };
  return {
    fields: schema.fields.map((field) => convert(field, -1, field.name)),
    metadata: encodeMetadata(schema.metadata),
  };
}

const BYTE_TYPES: readonly number[] = [Type.Binary, Type.LargeBinary, Type.BinaryView];

function isOldBlob(field: Field): boolean {
  return field.metadata.has(BLOB_V1_KEY) && BYTE_TYPES.includes(field.type.typeId);
}

/** Version 2 is an extension of structs of bytes and URI. */
function promoteBlob(field: Field): Field {
  const isNew = field.metadata.get(EXTENSION_KEY) === BLOB_V2_EXTENSION && BYTE_TYPES.includes(field.type.typeId);
  if (!isNew && !isOldBlob(field)) return field;
  const metadata = new Map([...field.metadata, [EXTENSION_KEY, BLOB_V2_EXTENSION]]);
  metadata.delete(BLOB_V1_KEY);
  const children = [new Field("data", new LargeBinary(), true), new Field("uri", new Utf8(), true)];
  return new Field(field.name, new Struct(children), field.nullable, metadata);
}

/** Children that are fields of their own in Lance; those of primitive fixed-size lists are part of the type. */
function childFields(type: DataType): readonly Field[] {
  switch (type.typeId) {
    case Type.Struct:
    case Type.List:
    case Type.LargeList:
    case Type.Map:
      return type.children ?? [];
    case Type.FixedSizeList:
      return type.children?.[0]?.type.typeId === Type.Struct ? type.children : [];
    default:
      return [];
  }
}

/** Arrow's extension for JSON text; Lance has one of its own for the JSONB it stores. */
const ARROW_JSON = "arrow.json";
const LANCE_JSON = "lance.json";

function jsonMetadata(metadata: Map<string, string>): Map<string, string> {
  return new Map([...metadata, [EXTENSION_KEY, LANCE_JSON]]);
}

interface TypeProperties {
  readonly bitWidth: number;
  readonly isSigned: boolean;
  readonly precision: number;
  readonly scale: number;
  readonly byteWidth: number;
  readonly unit: number;
  readonly timezone?: string | null;
  readonly listSize: number;
  readonly keysSorted?: boolean;
  readonly indices: DataType;
  readonly dictionary: DataType;
}

function toLogicalType(type: DataType, path: string, extension?: string): string {
  const properties = type as unknown as TypeProperties;
  switch (type.typeId) {
    case Type.Null:
      return "null";
    case Type.Bool:
      return "bool";
    case Type.Int:
      return `${properties.isSigned ? "" : "u"}int${properties.bitWidth}`;
    case Type.Float:
      return ["halffloat", "float", "double"][properties.precision] ?? "double";
    case Type.Utf8:
    case Type.Utf8View:
      return extension === ARROW_JSON ? "json" : "string";
    case Type.LargeUtf8:
      return extension === ARROW_JSON ? "json" : "large_string";
    case Type.Binary:
    case Type.BinaryView:
      return "binary";
    case Type.LargeBinary:
      return extension === LANCE_JSON ? "json" : "large_binary";
    case Type.FixedSizeBinary:
      return `fixed_size_binary:${properties.byteWidth}`;
    case Type.Date:
      return properties.unit === 0 ? "date32:day" : "date64:ms";
    case Type.Time:
      return `time${properties.bitWidth}:${UNIT_NAMES[properties.unit]}`;
    case Type.Timestamp:
      return `timestamp:${UNIT_NAMES[properties.unit]}:${properties.timezone ?? "-"}`;
    case Type.Duration:
      return `duration:${UNIT_NAMES[properties.unit]}`;
    case Type.Decimal:
      return `decimal:${properties.bitWidth}:${properties.precision}:${properties.scale}`;
    case Type.Struct:
      return "struct";
    case Type.List:
    case Type.LargeList: {
      const name = type.typeId === Type.List ? "list" : "large_list";
      return type.children?.[0]?.type.typeId === Type.Struct ? `${name}.struct` : name;
    }
    case Type.Map:
      if (properties.keysSorted) break;
      return "map";
    case Type.FixedSizeList: {
      const item = type.children?.[0];
      if (!item) break;
      const isBrainFloat = item.metadata?.get(EXTENSION_KEY) === BFLOAT16;
      return `fixed_size_list:${isBrainFloat ? BFLOAT16 : toLogicalType(item.type, path)}:${properties.listSize}`;
    }
    case Type.Dictionary:
      return `dict:${toLogicalType(properties.dictionary, path)}:${toLogicalType(properties.indices, path)}:false`;
  }
  throw new LanceError("UNSUPPORTED", `column "${path}": the Arrow type ${String(type)} has no Lance type`, {
    column: path,
    arrowType: String(type),
  });
}

function encodeMetadata(metadata: Map<string, string>): Record<string, Uint8Array> {
  const encoder = new TextEncoder();
  return Object.fromEntries([...metadata].map(([key, value]) => [key, encoder.encode(value)]));
}
