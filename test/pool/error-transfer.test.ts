import { afterAll, expect, test } from "vitest";
import { isLanceError, LanceError, type LanceErrorCode } from "../../src/errors.ts";
import { createWorkerPool } from "../../src/pool/worker-pool.ts";
import fc from "../support/fast-check.ts";
import type { ErrorSpec } from "./worker/handlers.ts";
import { nodeHost } from "./worker-threads.ts";

const codes: Record<LanceErrorCode, true> = {
  INVALID_ARGUMENT: true,
  NOT_FOUND: true,
  ALREADY_EXISTS: true,
  INDEX_NOT_FOUND: true,
  SCHEMA_MISMATCH: true,
  DIMENSION_MISMATCH: true,
  SEGMENT_OVERLAP: true,
  SEGMENT_INCOMPATIBLE: true,
  COMMIT_CONFLICT: true,
  CORRUPT: true,
  UNSUPPORTED: true,
  QUOTA_EXCEEDED: true,
  WORKER_FAILED: true,
  ABORTED: true,
  IO: true,
};
const allCodes = Object.keys(codes) as LanceErrorCode[];

const detail = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constant(Number.NaN),
  fc.constant(null),
  fc.array(fc.integer()),
  fc.uint8Array(),
);
const { spec } = fc.letrec<{ spec: ErrorSpec }>((tie) => ({
  spec: fc.record(
    {
      code: fc.constantFrom(...allCodes),
      message: fc.string(),
      details: fc.dictionary(
        fc.string().filter((key) => key !== "__proto__"),
        detail,
        { noNullPrototype: true },
      ),
      cause: fc.option(tie("spec"), { nil: undefined, depthSize: "small" }) as fc.Arbitrary<ErrorSpec>,
    },
    { requiredKeys: ["code", "message", "details"] },
  ) as fc.Arbitrary<ErrorSpec>,
}));

const pool = createWorkerPool({ numWorkers: 1, spawn: nodeHost.spawn });
afterAll(() => pool.close());

const fail = (payload: ErrorSpec): Promise<unknown> =>
  pool.run({ kind: "fail", payload }).then(
    () => "resolved",
    (error: unknown) => error,
  );

function expectSame(received: unknown, expected: ErrorSpec): void {
  expect(received).toBeInstanceOf(LanceError);
  expect(isLanceError(received, expected.code)).toBe(true);
  const error = received as LanceError;
  expect(error.message).toBe(expected.message);
  expect(error.details).toEqual(expected.details);
  expect(error.stack).toContain("handlers.ts");
  if (expected.cause) expectSame(error.cause, expected.cause);
  else expect(error.cause).toBeUndefined();
}

test.each(allCodes)("%s crosses a worker", async (code) => {
  const cause: ErrorSpec = { code: "IO", message: "short read", details: { offsetBytes: 2n ** 60n } };
  const thrown: ErrorSpec = { code, message: "expected a, received b", details: { a: 1, ids: [1, 2] }, cause };
  expectSame(await fail(thrown), thrown);
});

test("any code, details and chain of causes crosses a worker", async () => {
  await fc.assert(
    fc.asyncProperty(spec, async (thrown) => {
      expectSame(await fail(thrown), thrown);
    }),
    { numRuns: 200 },
  );
});
