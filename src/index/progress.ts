import type { JobProgress } from "../pool/pool.ts";

/** What a worker is doing for an index. */
export interface TaskProgress {
  readonly kind: "train" | "build" | "merge" | "remap";
  readonly indexName: string;
  /** Task among those of its kind, from 0. */
  readonly task: number;
  readonly numTasks: number;
  /** From 1; above 1 the task runs again because its worker or its store failed. */
  readonly attempt: number;
  readonly workerIndex: number;
  readonly fragmentIds: readonly number[];
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly unit: JobProgress["unit"];
  /** Of the finished segment; 0 before. */
  readonly bytes: number;
  /** Since the attempt started. */
  readonly milliseconds: number;
  readonly finished: boolean;
}

/** An index became visible. */
export interface CommitProgress {
  readonly kind: "commit";
  readonly indexName: string;
  readonly version: number;
  readonly segments: number;
  readonly milliseconds: number;
}

/** How far the building of an index is. */
export type BuildProgress = TaskProgress | CommitProgress;
/** Hears how far the building of an index is. */
export type OnBuildProgress = (progress: BuildProgress) => void;
