import { LanceError, type LanceErrorCode } from "../../../src/errors.ts";
import type { JobContext, JobHandlers } from "../../../src/pool/pool.ts";
import { withTransfer } from "../../../src/pool/with-transfer.ts";

let jobsRun = 0;
let memoryBytes = 0;
let lastResult = new Float32Array();
const cancelled: string[] = [];
/** Drawn once per worker, so that a test can tell one from another. */
const workerId = crypto.randomUUID();

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface ErrorSpec {
  readonly code: LanceErrorCode;
  readonly message: string;
  readonly details: Record<string, unknown>;
  readonly cause?: ErrorSpec;
}

export function makeError(spec: ErrorSpec): LanceError {
  return new LanceError(spec.code, spec.message, spec.details, spec.cause && { cause: makeError(spec.cause) });
}

export const readMemoryBytes = (): number => memoryBytes;

/** Jobs of the pool tests; the same ones run in worker threads, web workers and inline. */
export const testHandlers = {
  async echo(payload: unknown) {
    jobsRun++;
    return payload;
  },
  async whoami(_payload: unknown, context: JobContext) {
    return { workerId, workerIndex: context.workerIndex, jobsRun };
  },
  async sleep(ms: number) {
    await sleep(ms);
    return ms;
  },
  /** Gives way like a kernel, and stops when it is told to. */
  async untilCancelled(name: string, { signal, reportProgress }: JobContext) {
    for (let step = 0; ; step++) {
      if (signal.aborted) {
        cancelled.push(name);
        throw new LanceError("ABORTED", `stopped at ${step}`);
      }
      reportProgress({ phase: "spin", done: step, unit: "iterations" });
      await sleep(2);
    }
  },
  async listCancelled() {
    return cancelled;
  },
  async ignoreCancel(_payload: unknown, { reportProgress }: JobContext) {
    reportProgress({ phase: "deaf", done: 0, unit: "iterations" });
    await new Promise(() => setInterval(() => {}, 1000));
  },
  async steps(count: number, { reportProgress }: JobContext) {
    for (let done = 1; done <= count; done++) {
      reportProgress({ phase: "write", done, total: count, unit: "rows" });
      await sleep(1);
    }
    return count;
  },
  /** Its total is not known beforehand. */
  async search(count: number, { reportProgress }: JobContext) {
    for (let done = 1; done <= count; done++) reportProgress({ phase: "search", done, unit: "pages" });
  },
  async double(values: Float32Array) {
    const result = values.map((value) => value * 2);
    lastResult = result;
    return withTransfer({ result }, [result.buffer]);
  },
  async lastResultBytes() {
    return lastResult.byteLength;
  },
  async byteLengthOf(buffer: ArrayBuffer) {
    return buffer.byteLength;
  },
  async askPort(port: MessagePort) {
    const answer = new Promise((resolve) => {
      port.onmessage = (event) => resolve(event.data);
    });
    port.postMessage("question");
    const data = await answer;
    port.close();
    return data;
  },
  async fail(spec: ErrorSpec) {
    throw makeError(spec);
  },
  async failPlainly() {
    throw new TypeError("a bug", { cause: new RangeError("deep") });
  },
  async failWithAbortError() {
    throw new DOMException("stopped", "AbortError");
  },
  async failUnclonably() {
    throw new LanceError("CORRUPT", "bad page", { page: 3, reader: () => 1 });
  },
  async returnFunction() {
    return () => 1;
  },
  async dieWithError() {
    setTimeout(() => {
      throw new Error("the worker blew up");
    });
    await new Promise(() => setInterval(() => {}, 1000));
  },
  async dieSilently() {
    if (typeof process !== "undefined" && process.versions?.node) process.exit(7);
    (globalThis as unknown as { close(): void }).close();
    await new Promise(() => {});
  },
  async growTo(bytes: number) {
    memoryBytes = bytes;
    return workerId;
  },
} satisfies JobHandlers;
