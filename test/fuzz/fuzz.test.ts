import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { guardAllocations } from "../dataset/guard-allocations.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { loadCorpus } from "./corpus.ts";
import { execute } from "./execute.ts";
import { MAX_ARRAY_BYTES } from "./limits.ts";
import { type Regression, restoreInput } from "./regression.ts";
import { runExecutions } from "./run-target.ts";
import { createTargets, shareExecutions } from "./targets.ts";

useTestRuntime();

/** The long run is `npm run fuzz`; this one finds a decoder that lost a check. */
const EXECUTIONS = 40_000;
const SEED = 20_250_101;
const REGRESSIONS = fileURLToPath(new URL("./regressions/", import.meta.url));

const targets = await createTargets(await loadCorpus());
const shares = shareExecutions(targets, EXECUTIONS);
let guard: ReturnType<typeof guardAllocations>;
const { stackTraceLimit } = Error;

beforeAll(() => {
  guard = guardAllocations(MAX_ARRAY_BYTES);
  // Most executions end in an error, and a stack takes longer than the decoder.
  Error.stackTraceLimit = 1;
});
afterAll(() => {
  guard.release();
  Error.stackTraceLimit = stackTraceLimit;
});

test.each(targets)(
  "$name: hostile input gives a value or an error with a code, within time and memory",
  async (target) => {
    const counts = new Map<string, number>();
    const findings: string[] = [];
    await runExecutions(target, {
      seed: SEED,
      start: 0,
      end: shares.get(target.name)!,
      report({ kind, finding }, { seed }, number) {
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
        if (finding !== undefined && findings.length < 5)
          findings.push(`execution ${number} of ${seed.name}: ${finding}`);
      },
    });
    expect(findings).toEqual([]);
    // Damage that is never noticed, or never missed, would mean that the decoder was not reached.
    expect(counts.get("CORRUPT") ?? counts.get("value")).toBeGreaterThan(0);
    expect(counts.get("value")).toBeGreaterThan(0);
  },
);

test.each(readdirSync(REGRESSIONS).filter((name) => name.endsWith(".json")))(
  "what was found once: %s",
  async (name) => {
    const regression = JSON.parse(readFileSync(REGRESSIONS + name, "utf8")) as Regression;
    const target = targets.find((each) => each.name === regression.target)!;
    expect((await execute(target, restoreInput(target, regression))).finding).toBeUndefined();
  },
);

test("seeds decode as they are", async () => {
  for (const target of targets) {
    let decoded = 0;
    for (const seed of target.seeds) {
      const outcome = await execute(target, {
        seed,
        input: { parts: seed.parts.map(({ bytes }) => bytes), numbers: seed.numbers },
      });
      expect(outcome.finding).toBeUndefined();
      if (outcome.kind === "value") decoded++;
    }
    expect(decoded, target.name).toBeGreaterThanOrEqual(target.seeds.length - 3);
  }
});
