import { LanceError } from "../../errors.ts";
import type { WorkerPool } from "../../pool/pool.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import { CONFLICT_KEYS } from "../retry-conflicts.ts";
import type { HeldBack } from "./read-coverage.ts";

/** How far a compaction is. */
export interface CompactionProgress {
  /** Rows written of the tasks planned so far. */
  readonly rowsRewritten: number;
  readonly rowsToRewrite: number;
  /** Commits made. */
  readonly commits: number;
}

/** Which fragments a compaction rewrites, and how. */
export interface CompactionOptions {
  /** Fragments with fewer rows are joined with neighbours that are small too. Default 1,048,576. */
  readonly targetRowsPerFragment?: number | undefined;
  /** Taken for native's sake; files of today's format have no row groups. */
  readonly maxRowsPerGroup?: number | undefined;
  /** A new file ends where it passes this size. Default about 90 GiB. */
  readonly maxBytesPerFile?: number | undefined;
  /** Default true: a fragment with many deleted rows is rewritten even alone. */
  readonly materializeDeletions?: boolean | undefined;
  /** Share of deleted rows above which that is so. Default 0.1. */
  readonly materializeDeletionsThreshold?: number | undefined;
  /** Tasks rewritten at once. Default: the workers of `pool`, else 1. */
  readonly numThreads?: number | undefined;
  /** Notes where rows went instead of writing indexes anew; readers then map rows as they read. Default false. */
  readonly deferIndexRemap?: boolean | undefined;
  /**
   * Default false: fragments covered by an index of a kind that cannot be written anew here are left as they are. True
   * compacts them too, and such an index no longer covers their rows until it is built again.
   */
  readonly dropIndexCoverage?: boolean | undefined;
  /** Rows rewritten between two commits. Default 8,388,608; at least one task is. */
  readonly maxRowsPerCommit?: number | undefined;
  /** Workers for the rewriting and the remapping. Absent: they run on the calling thread. */
  readonly pool?: WorkerPool | undefined;
  /** Bytes one remap may use. Default 256 MiB. */
  readonly memoryBudgetBytes?: number | undefined;
  /** How often a group is planned again when another writer changed its fragments meanwhile. Default 10. */
  readonly conflictRetries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: CompactionProgress) => void) | undefined;
}

const KEYS = new Set<string>([
  ...CONFLICT_KEYS,
  ...([
    "targetRowsPerFragment",
    "maxRowsPerGroup",
    "maxBytesPerFile",
    "materializeDeletions",
    "materializeDeletionsThreshold",
    "numThreads",
    "deferIndexRemap",
    "dropIndexCoverage",
    "maxRowsPerCommit",
    "pool",
    "memoryBudgetBytes",
    "onProgress",
  ] satisfies (keyof CompactionOptions)[]),
]);

/** What a compaction did, in native's figures. */
export interface CompactionMetrics {
  readonly fragmentsRemoved: number;
  readonly fragmentsAdded: number;
  /** Data and deletion files no longer part of the table; a clean-up removes them with their versions. */
  readonly filesRemoved: number;
  readonly filesAdded: number;
  /** Fragments left alone because of their indexes. */
  readonly heldBack: readonly HeldBack[];
}

/** Options with their defaults. */
export type ResolvedOptions = CompactionOptions & {
  readonly targetRowsPerFragment: number;
  readonly materializeDeletions: boolean;
  readonly materializeDeletionsThreshold: number;
  readonly maxRowsPerCommit: number;
  readonly deferIndexRemap: boolean;
  readonly dropIndexCoverage: boolean;
};

/** Key of a table's own defaults in its config, as native reads them. */
const CONFIG_PREFIX = "lance.compaction.";

/**
 * Options as given, else as the table's config has them, else native's defaults.
 * @throws INVALID_ARGUMENT for a number that is none, or an unknown option
 */
export function resolveOptions(options: CompactionOptions, config: Readonly<Record<string, string>>): ResolvedOptions {
  checkOptionNames(options, KEYS, "compactFiles");
  const numberOf = (key: string): number | undefined => {
    const text = config[CONFIG_PREFIX + key];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value)) return value;
    throw new LanceError(
      "INVALID_ARGUMENT",
      `the table's config ${CONFIG_PREFIX}${key} is "${text}"; expected a number`,
      { key: CONFIG_PREFIX + key, received: text },
    );
  };
  const flagOf = (key: string): boolean | undefined => {
    const text = config[CONFIG_PREFIX + key];
    return text === undefined ? undefined : text === "true";
  };
  const resolved = {
    ...options,
    targetRowsPerFragment: options.targetRowsPerFragment ?? numberOf("target_rows_per_fragment") ?? 1024 * 1024,
    maxBytesPerFile: options.maxBytesPerFile ?? numberOf("max_bytes_per_file"),
    materializeDeletions: options.materializeDeletions ?? flagOf("materialize_deletions") ?? true,
    materializeDeletionsThreshold:
      options.materializeDeletionsThreshold ?? numberOf("materialize_deletions_threshold") ?? 0.1,
    deferIndexRemap: options.deferIndexRemap ?? flagOf("defer_index_remap") ?? false,
    dropIndexCoverage: options.dropIndexCoverage ?? false,
    maxRowsPerCommit: options.maxRowsPerCommit ?? 8 * 1024 * 1024,
  };
  checkCount("maxRowsPerCommit", resolved.maxRowsPerCommit);
  if (options.numThreads !== undefined) checkCount("numThreads", options.numThreads);
  return resolved;
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new LanceError("INVALID_ARGUMENT", `${name}: expected a whole number of at least 1, received ${value}`, {
    [name]: value,
  });
}
