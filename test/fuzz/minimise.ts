import { execute } from "./execute.ts";
import type { Execution, Input, Target } from "./target.ts";

/** Executions one minimisation may take. */
const MAX_TRIES = 2000;

/** A smaller input with the same outcome: what need not differ from the seed does not. Not for inputs that trap or hang. */
export async function minimise(target: Target, { seed, input }: Execution): Promise<Input> {
  const { kind } = await execute(target, { seed, input });
  let best = input;
  let tries = 0;
  const attempt = async (next: Input): Promise<boolean> => {
    if (tries++ > MAX_TRIES) return false;
    const outcome = await execute(target, { seed, input: next });
    if (outcome.finding === undefined || outcome.kind !== kind) return false;
    best = next;
    return true;
  };
  for (let part = 0; part < input.parts.length; part++) {
    const original = seed.parts[part]!.bytes;
    if (best.parts[part] === original || (await attempt(withPart(best, part, original)))) continue;
    if (best.parts[part]!.length === original.length) {
      for (let at = 0; at < original.length; at++) {
        if (best.parts[part]![at] === original[at]) continue;
        const reverted = best.parts[part]!.slice();
        reverted[at] = original[at]!;
        await attempt(withPart(best, part, reverted));
      }
      continue;
    }
    for (let step = best.parts[part]!.length >> 1; step > 0; step >>= 1) {
      while (best.parts[part]!.length > step) {
        const shorter = best.parts[part]!.slice(0, best.parts[part]!.length - step);
        if (!(await attempt(withPart(best, part, shorter)))) break;
      }
    }
  }
  for (const [i, number] of seed.numbers.entries()) {
    if (best.numbers[i] === number) continue;
    await attempt({ ...best, numbers: best.numbers.with(i, number) });
  }
  return best;
}

function withPart(input: Input, part: number, bytes: Uint8Array): Input {
  return { ...input, parts: input.parts.with(part, bytes) };
}
