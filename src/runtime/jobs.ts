import type { JobHandlers } from "../pool/pool.ts";

/** The jobs of this library, imported when the first one runs. */
export async function loadJobs(): Promise<JobHandlers> {
  const [{ jobHandlers }, { queryHandlers }, { writeHandlers }] = await Promise.all([
    import("../index/jobs.ts"),
    import("../query/jobs.ts"),
    import("../write/jobs.ts"),
  ]);
  return { ...jobHandlers, ...queryHandlers, ...writeHandlers };
}
