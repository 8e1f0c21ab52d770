import { clone, create } from "@bufbuild/protobuf";
import { LanceError } from "../errors.ts";
import { type Field as FieldProto, FieldSchema } from "../proto/gen/lance/file_pb.ts";
import { readKeyPosition } from "./primary-key.ts";

/** One node of a Lance schema tree. */
export interface LanceField {
  readonly id: number;
  readonly parentId: number;
  readonly name: string;
  /** Lance's own type string: `int32`, `list`, `fixed_size_list:float:128`, `timestamp:us:-`, … */
  readonly logicalType: string;
  readonly nullable: boolean;
  readonly metadata: Readonly<Record<string, Uint8Array>>;
  readonly children: readonly LanceField[];
  /** The message it was read from, with fields this version does not know; absent on fields made here. */
  readonly proto?: FieldProto;
}

/** Top-level fields and schema metadata. */
export interface LanceSchema {
  readonly fields: readonly LanceField[];
  readonly metadata: Readonly<Record<string, Uint8Array>>;
}

/** Types of one value: a field below one of them would be read as a part of it. */
const HOLDS_NO_FIELDS =
  /^(null|bool|u?int(8|16|32|64)|halffloat|float|double|lance\.bfloat16|(large_)?(string|binary)|json|fixed_size_binary:.*|(date|time|timestamp|duration|decimal|dict).*)$/;

/** `parent_id` of a top-level field. */
const NO_PARENT = -1;

/**
 * Builds the schema tree from the format's list, where parents stand before their children (FORMAT.md section 1.3).
 * @throws CORRUPT when a parent is missing or holds values, or an id is used twice
 */
export function readSchema(
  fields: readonly FieldProto[],
  metadata: Readonly<Record<string, Uint8Array>> = {},
): LanceSchema {
  const childrenOf = new Map<number, LanceField[]>();
  const top: LanceField[] = [];
  const values = new Map<number, string>();
  for (const proto of fields) {
    const children: LanceField[] = [];
    const field: LanceField = {
      id: proto.id,
      parentId: proto.parentId,
      name: proto.name,
      logicalType: proto.logicalType,
      nullable: proto.nullable,
      metadata: proto.metadata,
      children,
      proto,
    };
    const siblings = proto.parentId === NO_PARENT ? top : childrenOf.get(proto.parentId);
    if (!siblings) {
      throw new LanceError(
        "CORRUPT",
        `schema: field "${proto.name}" names parent ${proto.parentId}, which is not before it`,
        {
          field: proto.name,
          parentId: proto.parentId,
        },
      );
    }
    const valueType = values.get(proto.parentId);
    if (valueType !== undefined) {
      throw new LanceError("CORRUPT", `schema: field "${proto.name}" lies below one of type ${valueType}`, {
        field: proto.name,
        parentId: proto.parentId,
      });
    }
    siblings.push(field);
    // Negative ids mark children without an identity of their own; they are leaves.
    if (proto.id < 0) continue;
    if (childrenOf.has(proto.id)) {
      throw new LanceError("CORRUPT", `schema: two fields with id ${proto.id}; ids are unique in a schema`, {
        field: proto.name,
        id: proto.id,
      });
    }
    childrenOf.set(proto.id, children);
    if (HOLDS_NO_FIELDS.test(proto.logicalType)) values.set(proto.id, proto.logicalType);
  }
  return { fields: top, metadata };
}

/** The inverse of {@link readSchema}: parents before children, unknown fields of each message kept. */
export function writeFields(schema: LanceSchema): FieldProto[] {
  const list: FieldProto[] = [];
  const visit = (field: LanceField) => {
    const message = field.proto ? clone(FieldSchema, field.proto) : makeField(field);
    const { id, parentId, name, logicalType, nullable } = field;
    list.push(Object.assign(message, { id, parentId, name, logicalType, nullable, metadata: { ...field.metadata } }));
    for (const child of field.children) visit(child);
  };
  for (const field of schema.fields) visit(field);
  return list;
}

/** Of the primary key, the format keeps more than the metadata a user wrote. */
function makeField(field: LanceField): FieldProto {
  const position = readKeyPosition(field);
  if (position === undefined) return create(FieldSchema);
  return create(FieldSchema, { unenforcedPrimaryKey: true, unenforcedPrimaryKeyPosition: position });
}
