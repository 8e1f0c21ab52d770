import type { JobHandlers } from "../pool/pool.ts";

/** The jobs of this library, imported when the first one runs. */
export async function loadJobs(): Promise<JobHandlers> {
  return (await import("../index/jobs.ts")).jobHandlers;
}
