import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import { listMetrics, type VectorElement } from "../kernels/element.ts";
import type { Metric } from "../kernels/metric.ts";

/** What a vector column holds. */
export interface VectorType {
  readonly element: VectorElement;
  /** Values of a vector. */
  readonly dimension: number;
}

const ELEMENTS: Readonly<Record<string, VectorElement>> = {
  float: "f32",
  halffloat: "f16",
  double: "f64",
  uint8: "u8",
};
/** What a column must be, for people. */
const VECTOR_COLUMNS = "fixed-size lists of float, halffloat, double or uint8";

/** The type of a vector column, `undefined` for any other column. */
export function findVectorType(field: LanceField): VectorType | undefined {
  const [, item = "", length] = /^fixed_size_list:(\w+):(\d+)$/.exec(field.logicalType) ?? [];
  const element = ELEMENTS[item];
  const dimension = Number(length);
  return element !== undefined && dimension > 0 ? { element, dimension } : undefined;
}

/** The type of a vector column. @throws SCHEMA_MISMATCH when it is none, UNSUPPORTED for vectors of another item */
export function getVectorType(field: LanceField, purpose: string): VectorType {
  const type = findVectorType(field);
  if (type) return type;
  throw new LanceError(
    field.logicalType.startsWith("fixed_size_list:int8:") ? "UNSUPPORTED" : "SCHEMA_MISMATCH",
    `${purpose} needs a column of ${VECTOR_COLUMNS}; column "${field.name}" is ${field.logicalType}`,
    { column: field.name, received: field.logicalType, expected: "fixed_size_list:<item>:<dimension>" },
  );
}

/** The logical type of a column of such vectors. */
export function nameVectorType({ element, dimension }: VectorType): string {
  const item = Object.keys(ELEMENTS).find((name) => ELEMENTS[name] === element);
  return `fixed_size_list:${item}:${dimension}`;
}

/** The metric a column is compared by where none is named: bytes by hamming, floats by l2. */
export function getDefaultMetric({ element }: VectorType): Metric {
  return listMetrics(element)[0]!;
}

/** Refuses a metric that does not compare such vectors: hamming is for bytes, and bytes for hamming. @throws INVALID_ARGUMENT */
export function checkMetric(metric: Metric, field: LanceField, { element }: VectorType): void {
  const expected = listMetrics(element);
  if (expected.includes(metric)) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `metric: column "${field.name}" of ${field.logicalType} is compared by ${expected.join(", ")}; received ${metric}`,
    { column: field.name, expected, received: metric },
  );
}
