import { LanceError } from "../../errors.ts";
import type { LanceField, LanceSchema } from "../../format/schema.ts";

/**
 * The field a path names, and those it lies in, outermost first. `a.b` is field b of struct a; a name with a dot goes
 * in backticks, or stands alone.
 * @throws INVALID_ARGUMENT naming the fields there are at the step that fails
 */
export function resolveFieldPath(schema: LanceSchema, path: string): LanceField[] {
  const whole = schema.fields.find((field) => field.name === path);
  if (whole !== undefined) return [whole];
  const chain: LanceField[] = [];
  let siblings = schema.fields;
  for (const name of splitPath(path)) {
    const field = siblings.find((candidate) => candidate.name === name);
    if (field === undefined) {
      const known = siblings.map((candidate) => candidate.name);
      const where = chain.length === 0 ? "the table" : `"${chain.map((each) => each.name).join(".")}"`;
      throw new LanceError(
        "INVALID_ARGUMENT",
        `no column "${path}": ${where} has ${known.length === 0 ? "no fields" : known.join(", ")}`,
        { column: path, known },
      );
    }
    chain.push(field);
    siblings = field.children;
  }
  return chain;
}

/** The fields of a schema with one of them replaced, or left out where `change` gives nothing. */
export function replaceField(
  fields: readonly LanceField[],
  chain: readonly LanceField[],
  change: (field: LanceField) => LanceField | undefined,
): LanceField[] {
  const [head, ...rest] = chain;
  return fields.flatMap((field) => {
    if (field.id !== head!.id) return [field];
    const next = rest.length === 0 ? change(field) : { ...field, children: replaceField(field.children, rest, change) };
    return next === undefined ? [] : [next];
  });
}

function splitPath(path: string): string[] {
  const names = [...path.matchAll(/`((?:[^`]|``)*)`(?:\.|$)|([^.`]+)(?:\.|$)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll("``", "`") ?? plain!,
  );
  return names.length === 0 ? [path] : names;
}
