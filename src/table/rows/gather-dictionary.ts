import type { Data, Dictionary, Vector } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { Picks } from "./picks.ts";

type Indices = { [index: number]: number | bigint };

/**
 * Indices of picked rows into one dictionary. Pages have dictionaries of their own, so those of the sources are laid
 * end to end; a value may then stand in it more than once.
 *
 * @throws UNSUPPORTED when the joined dictionary outgrows the column's index type
 */
export function gatherDictionary(sources: readonly Data[], picks: Picks): { data: object; dictionary: Vector } {
  const starts = new Map<Vector, number>();
  let total = 0;
  for (const source of sources) {
    const dictionary = source.dictionary!;
    if (starts.has(dictionary)) continue;
    starts.set(dictionary, total);
    total += dictionary.length;
  }
  const [first, ...rest] = starts.keys();
  const type = sources[0]!.type as Dictionary;
  const { rows, sources: from } = picks;
  const data = new (type.indices.ArrayType as new (length: number) => Indices)(rows.length);
  const large = typeof data[0] === "bigint";
  for (let i = 0; i < rows.length; i++) {
    const source = sources[from === undefined ? 0 : from[i]!]!;
    // A null slot may hold any index.
    if (!source.getValid(rows[i]!)) continue;
    const index = Number((source.values as Indices)[rows[i]!]!) + starts.get(source.dictionary!)!;
    data[i] = large ? BigInt(index) : index;
    if (Number(data[i]!) !== index) {
      throw new LanceError(
        "UNSUPPORTED",
        `the dictionaries of these rows have ${total} values together, too many for ${type.indices} indices; ask for fewer rows at once`,
        { values: total },
      );
    }
  }
  return { data, dictionary: rest.length === 0 ? first! : first!.concat(...rest) };
}
