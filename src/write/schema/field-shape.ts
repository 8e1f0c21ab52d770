import type { Data, DataType } from "apache-arrow";
import type { BuildRules, Values } from "../input/fill-values.ts";

/** The parts of an Arrow field that tell what it holds. */
export interface FieldShape {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly metadata?: ReadonlyMap<string, string> | undefined;
}

/** Converts values to a column of a field: what structs and maps are told for what is in them. */
export type BuildField = (field: FieldShape, values: Values, rules: Omit<BuildRules, "nullable" | "extension">) => Data;
