import { parentPort, workerData } from "node:worker_threads";
import { kernelMemoryBytes } from "../../src/kernels/memory.ts";
import { guardAllocations } from "../dataset/guard-allocations.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { loadCorpus } from "./corpus.ts";
import { execute, type Outcome } from "./execute.ts";
import { MAX_ARRAY_BYTES } from "./limits.ts";
import { minimise } from "./minimise.ts";
import { describeInput } from "./regression.ts";
import { runExecutions } from "./run-target.ts";
import type { Execution } from "./target.ts";
import { createTargets } from "./targets.ts";

/** What a worker is asked to run: executions `start` to `end` of one target. */
export interface FuzzTask {
  readonly target: string;
  readonly seed: number;
  readonly start: number;
  readonly end: number;
}

/** Memory of the kernels never shrinks: a thread that holds more is replaced. */
const MAX_THREAD_BYTES = 512 * 1024 * 1024;

// Most executions end in an error, and a stack takes longer than the decoder.
Error.stackTraceLimit = 0;
useTestRuntime();
const { progress } = workerData as { progress: Int32Array };
const targets = await createTargets(await loadCorpus());
guardAllocations(MAX_ARRAY_BYTES);

parentPort!.on("message", async (task: FuzzTask) => {
  const target = targets.find(({ name }) => name === task.target)!;
  const counts: Record<string, number> = {};
  const report = async (outcome: Outcome, execution: Execution, number: number): Promise<void> => {
    // After a trap the kernels of this thread cannot be used: the parent makes a new thread for what is left.
    const isTrap = outcome.kind === "WORKER_FAILED";
    const smallest = isTrap ? execution.input : await minimise(target, execution);
    const input = { seed: execution.seed, input: smallest };
    Error.stackTraceLimit = 12;
    const again = isTrap ? outcome : await execute(target, input);
    Error.stackTraceLimit = 0;
    const finding = again.finding ?? outcome.finding!;
    // The stack is of this machine: only the first line is kept.
    const regression = describeInput(target, { ...input, finding: finding.split("\n", 1)[0]! });
    parentPort!.postMessage({ kind: "finding", task, number, outcome: outcome.kind, finding, regression });
    if (isTrap) await new Promise(() => {});
  };
  await runExecutions(target, {
    ...task,
    report(outcome, execution, number) {
      // The counter is how the parent sees a hang, and which execution it is.
      Atomics.store(progress, 0, number + 1);
      counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1;
      return outcome.finding === undefined ? undefined : report(outcome, execution, number);
    },
  });
  parentPort!.postMessage({ kind: "done", task, counts, isFull: kernelMemoryBytes() > MAX_THREAD_BYTES });
});
parentPort!.postMessage({
  kind: "ready",
  targets: targets.map(({ name, weight, seeds }) => ({ name, weight, seeds: seeds.length })),
});
