import type { Corpus, Target } from "./target.ts";
import { createArrayPageTarget } from "./targets/array-pages.ts";
import { createBitmapTarget } from "./targets/bitmaps.ts";
import { createDeletionTarget } from "./targets/deletions.ts";
import { createFileTarget } from "./targets/files.ts";
import { createIndexTarget } from "./targets/indexes.ts";
import { createJsonTarget } from "./targets/json.ts";
import { createKernelTarget } from "./targets/kernels.ts";
import { createManifestTarget } from "./targets/manifests.ts";
import { createMetadataTarget } from "./targets/metadata.ts";
import { createPageTarget } from "./targets/pages.ts";
import { createRefTarget } from "./targets/refs.ts";
import { createRowIdTarget } from "./targets/row-ids.ts";
import { createTableTarget } from "./targets/tables.ts";
import { createTransactionTarget } from "./targets/transactions.ts";

/** Every decoder. Needs the test runtime. */
export async function createTargets(corpus: Corpus): Promise<readonly Target[]> {
  return (await Promise.all([
    createPageTarget(corpus),
    createArrayPageTarget(corpus),
    createKernelTarget(corpus),
    createMetadataTarget(corpus),
    createManifestTarget(corpus),
    createTransactionTarget(corpus),
    createDeletionTarget(corpus),
    createBitmapTarget(corpus),
    createRowIdTarget(),
    createJsonTarget(),
    createRefTarget(),
    createIndexTarget(corpus),
    createFileTarget(corpus),
    createTableTarget(corpus),
  ])) as unknown as readonly Target[];
}

/** Executions of each target out of a total, by weight. */
export function shareExecutions(targets: readonly Target[], total: number): Map<string, number> {
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(targets.map(({ name, weight }) => [name, Math.ceil((total * weight) / weights)]));
}
