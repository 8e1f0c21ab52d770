import type { Execution, Target } from "./target.ts";

/** An input that was a finding once, as a small file: of each part what differs from its seed. */
export interface Regression {
  readonly target: string;
  readonly seed: string;
  readonly finding: string;
  readonly numbers: readonly number[];
  /** Base64 of the whole part; `[offset, byte][]` where its length stayed; null where all of it did. */
  readonly parts: readonly (string | readonly (readonly [offset: number, byte: number])[] | null)[];
}

/** Largest number of changed bytes that is written one by one. */
const MAX_EDITS = 32;

/** An input as a file of its own. */
export function describeInput(target: Target, { seed, input, finding }: Execution & { finding: string }): Regression {
  const parts = input.parts.map((bytes, i) => {
    const original = seed.parts[i]!.bytes;
    if (bytes === original && !seed.name.startsWith("written/")) return null;
    const edits: [number, number][] = [];
    // What differs from a file of our own writer means nothing once that writes it otherwise.
    if (bytes.length === original.length && !seed.name.startsWith("written/")) {
      for (let at = 0; at < bytes.length; at++) if (bytes[at] !== original[at]) edits.push([at, bytes[at]!]);
      if (edits.length <= MAX_EDITS) return edits;
    }
    return Buffer.from(bytes).toString("base64");
  });
  return { target: target.name, seed: seed.name, finding, numbers: input.numbers, parts };
}

/** The inverse of {@link describeInput}. Throws when the seed is gone: then the regression must be made anew. */
export function restoreInput(target: Target, regression: Regression): Execution {
  const seed = target.seeds.find(({ name }) => name === regression.seed);
  if (!seed) throw new Error(`target "${target.name}" has no seed "${regression.seed}"`);
  const parts = regression.parts.map((part, i) => {
    if (typeof part === "string") return new Uint8Array(Buffer.from(part, "base64"));
    const bytes = seed.parts[i]!.bytes.slice();
    for (const [at, byte] of part ?? []) bytes[at] = byte;
    return bytes;
  });
  return { seed, input: { parts, numbers: regression.numbers } };
}
