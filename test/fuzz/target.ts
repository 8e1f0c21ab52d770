import type { LanceErrorCode } from "../../src/errors.ts";

/** How the bytes of a part are changed: as a protobuf message, as JSON, or as plain bytes. */
export type PartKind = "message" | "json" | "bytes";

/** One buffer of a seed. */
export interface Part {
  readonly kind: PartKind;
  readonly bytes: Uint8Array;
  /** Offsets where something is counted or pointed at: changed more often. */
  readonly hot?: readonly number[];
}

/** Something a decoder takes: what the fixtures hold, before it is changed. */
export interface Seed<Context = unknown> {
  /** Unique in its target; regressions name it. */
  readonly name: string;
  readonly parts: readonly Part[];
  /** Counts that stand beside the bytes, such as the rows a manifest declares. */
  readonly numbers: readonly number[];
  readonly context: Context;
}

/** What one execution gets. */
export interface Input {
  readonly parts: readonly Uint8Array[];
  readonly numbers: readonly number[];
}

/** One run of a decoder: a seed, and what became of it. */
export interface Execution {
  readonly seed: Seed;
  readonly input: Input;
}

/** A decoder under the fuzzer. */
export interface Target<Context = unknown> {
  readonly name: string;
  /** Its share of all executions. */
  readonly weight: number;
  /** Codes beside CORRUPT and UNSUPPORTED that tell of bad input here. */
  readonly codes?: readonly LanceErrorCode[];
  readonly seeds: readonly Seed<Context>[];
  /** Decodes and checks what came out. @throws LanceError for bad input; anything else is a finding */
  run(input: Input, seed: Seed<Context>): unknown;
}

/** What the targets are made from. */
export interface Corpus {
  /** Files by their path below the fixtures. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A decoder gave an answer that contradicts itself or what was asked. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** @throws WrongAnswer */
export function expectThat(condition: boolean, what: string): void {
  if (!condition) throw new WrongAnswer(what);
}
