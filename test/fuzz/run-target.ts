import { execute, type Outcome } from "./execute.ts";
import { mutate } from "./mutate.ts";
import { createRandom, pick } from "./random.ts";
import type { Execution, Target } from "./target.ts";

/** The input of one execution: a function of the seed number and the execution's own number alone. */
export function makeExecution(
  target: Target,
  { seed: seedNumber, number }: { seed: number; number: number },
): Execution {
  const random = createRandom(seedNumber, number);
  const seed = pick(random, target.seeds);
  return { seed, input: mutate(seed, target.seeds, random) };
}

/** Which executions of a target to run. */
export interface RunOptions {
  readonly seed: number;
  readonly start: number;
  readonly end: number;
  readonly report: (outcome: Outcome, execution: Execution, number: number) => Promise<void> | void;
}

/** Makes and runs executions `start` to `end`. */
export async function runExecutions(target: Target, options: RunOptions): Promise<void> {
  const { seed, start, end, report } = options;
  for (let number = start; number < end; number++) {
    const execution = makeExecution(target, { seed, number });
    const outcome = await execute(target, execution);
    const reported = report(outcome, execution, number);
    if (reported) await reported;
  }
}
