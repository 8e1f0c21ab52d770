import type { Transaction } from "../../proto/gen/lance/transaction_pb.ts";

/** What a transaction does, as its protobuf says it. */
export type Operation = Transaction["operation"];
/** An operation this version knows. */
export type KnownOperation = Exclude<Operation, { case: undefined }>;
/** One kind of operation. */
export type OperationOf<Case extends KnownOperation["case"]> = Extract<Operation, { case: Case }>;
/** The operations this version commits onto an existing table. */
export type RebasableOperation = OperationOf<
  | "append"
  | "delete"
  | "overwrite"
  | "createIndex"
  | "rewrite"
  | "merge"
  | "restore"
  | "reserveFragments"
  | "update"
  | "project"
  | "updateConfig"
>;
