import { isLanceError } from "../../src/errors.ts";
import { kernelMemoryBytes } from "../../src/kernels/memory.ts";
import type { Execution, Target } from "./target.ts";

/** Longest an execution may take. */
const MAX_MS = 2000;
/** What one execution may add to the memory of the kernels, beside a share of its input. */
export const MAX_GROWTH_BYTES = 48 * 1024 * 1024;
const GROWTH_PER_INPUT_BYTE = 256;

/** How an execution ended. */
export interface Outcome {
  /** `value`, a code, or what is wrong: a trap, a foreign error, a wrong answer, time, memory. */
  readonly kind: string;
  /** Set for what must be fixed. */
  readonly finding?: string;
}

/** Runs a decoder once, and judges how it ended. Never throws. */
export async function execute(target: Target, execution: Execution): Promise<Outcome> {
  const before = kernelMemoryBytes();
  const start = process.threadCpuUsage();
  const outcome = await settle(target, execution);
  if (outcome.finding !== undefined) return outcome;
  // The thread's own time: on a busy machine the clock counts other programs as well.
  const { user, system } = process.threadCpuUsage(start);
  const tookMs = (user + system) / 1000;
  if (tookMs > MAX_MS) return { kind: "slow", finding: `it took ${Math.round(tookMs)} ms` };
  const grown = kernelMemoryBytes() - before;
  const size = execution.input.parts.reduce((sum, part) => sum + part.length, 0);
  if (grown > MAX_GROWTH_BYTES + GROWTH_PER_INPUT_BYTE * size) {
    return { kind: "memory", finding: `the kernels' memory grew by ${grown} bytes for ${size} bytes of input` };
  }
  return outcome;
}

async function settle(target: Target, { seed, input }: Execution): Promise<Outcome> {
  try {
    const value = target.run(input, seed);
    // Most decoders answer at once, and a turn of the event loop costs more than they do.
    if (value instanceof Promise) await value;
    return { kind: "value" };
  } catch (error) {
    if (isLanceError(error, "CORRUPT", "UNSUPPORTED", ...(target.codes ?? []))) return { kind: error.code };
    const name = error instanceof Error ? error.name : typeof error;
    const kind = isLanceError(error) ? error.code : name;
    return { kind, finding: `${kind}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` };
  }
}
