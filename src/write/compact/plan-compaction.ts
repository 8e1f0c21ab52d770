import { LanceError } from "../../errors.ts";

/** A fragment as the plan sees it. */
export interface PlannedFragment {
  readonly id: number;
  readonly physicalRows: number;
  readonly numDeletedRows: number;
}

/** What decides which fragments are rewritten. */
export interface CompactionTargets {
  /** Fragments with fewer physical rows are joined with their neighbours. */
  readonly targetRowsPerFragment: number;
  readonly materializeDeletions: boolean;
  /** Share of deleted rows above which a fragment is rewritten even alone. */
  readonly materializeDeletionsThreshold: number;
}

/** Fragments that are rewritten together, ascending by id. */
export interface CompactionTask {
  readonly fragmentIds: readonly number[];
  /** Rows that are not deleted. */
  readonly numRows: number;
  /** Rows of each new file, so that no small one is left over. */
  readonly rowsPerFile: number;
}

interface Bin {
  readonly fragments: PlannedFragment[];
  /** Whether a fragment is rewritten even when it is alone. */
  alone: boolean;
  readonly coverage: string;
}

/**
 * Plans a compaction as native Lance does: runs of neighbouring fragments that are small, or have many deleted rows,
 * and are covered by the same index segments, cut into tasks of at least the target's rows. Pure.
 *
 * @param fragments ascending by id
 * @param coverages for each index segment the fragments it covers
 * @param excluded fragments that stay as they are, and end a run
 */
export function planCompaction(
  fragments: readonly PlannedFragment[],
  targets: CompactionTargets,
  coverages: readonly ReadonlySet<number>[],
  excluded: ReadonlySet<number>,
): CompactionTask[] {
  checkTargets(targets);
  const bins: Bin[] = [];
  let bin: Bin | undefined;
  for (const fragment of fragments) {
    const alone = isWorthAlone(fragment, targets);
    if (excluded.has(fragment.id) || !(alone || fragment.physicalRows < targets.targetRowsPerFragment)) {
      bin = undefined;
      continue;
    }
    const coverage = coverages.flatMap((covered, i) => (covered.has(fragment.id) ? [i] : [])).join();
    if (bin === undefined || bin.coverage !== coverage) {
      bin = { fragments: [], alone: false, coverage };
      bins.push(bin);
    }
    bin.fragments.push(fragment);
    bin.alone ||= alone;
  }
  return bins
    .filter((each) => each.fragments.length > 1 || each.alone)
    .flatMap((each) => splitBin(each.fragments, targets.targetRowsPerFragment))
    .map((each) => toTask(each, targets.targetRowsPerFragment));
}

function isWorthAlone({ physicalRows, numDeletedRows }: PlannedFragment, targets: CompactionTargets): boolean {
  if (!targets.materializeDeletions || physicalRows === 0) return false;
  return numDeletedRows / physicalRows > targets.materializeDeletionsThreshold;
}

/** Cuts where enough rows are gathered and enough are left for another. */
function splitBin(fragments: readonly PlannedFragment[], minRows: number): PlannedFragment[][] {
  const parts: PlannedFragment[][] = [];
  let part: PlannedFragment[] = [];
  let rows = 0;
  let left = fragments.reduce((sum, fragment) => sum + countLive(fragment), 0);
  for (const fragment of fragments) {
    part.push(fragment);
    rows += countLive(fragment);
    left -= countLive(fragment);
    if (rows < minRows || left < minRows) continue;
    parts.push(part);
    part = [];
    rows = 0;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

function toTask(fragments: readonly PlannedFragment[], targetRows: number): CompactionTask {
  const numRows = fragments.reduce((sum, fragment) => sum + countLive(fragment), 0);
  const numFiles = Math.max(1, Math.floor(numRows / targetRows));
  return {
    fragmentIds: fragments.map(({ id }) => id),
    numRows,
    rowsPerFile: Math.max(1, Math.ceil(numRows / numFiles)),
  };
}

function countLive({ physicalRows, numDeletedRows }: PlannedFragment): number {
  return physicalRows - numDeletedRows;
}

function checkTargets({ targetRowsPerFragment, materializeDeletionsThreshold }: CompactionTargets): void {
  if (!(Number.isSafeInteger(targetRowsPerFragment) && targetRowsPerFragment >= 1)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `targetRowsPerFragment: expected a whole number of at least 1, received ${targetRowsPerFragment}`,
      { targetRowsPerFragment },
    );
  }
  if (typeof materializeDeletionsThreshold !== "number" || Number.isNaN(materializeDeletionsThreshold)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `materializeDeletionsThreshold: expected a share of rows as 0.1, received ${materializeDeletionsThreshold}`,
      { materializeDeletionsThreshold },
    );
  }
}
