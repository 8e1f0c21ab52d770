import type { Field as FieldProto } from "../proto/gen/lance/file_pb.ts";

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
