import type { Dataset } from "../../src/dataset/dataset.ts";

/** Commits of each of two writers. */
export const COMMITS = 100;

/** A row of {@link commitRows}. */
export interface CommittedRow {
  readonly writer: string;
  readonly i: number;
}

/** The one row of version 1. */
export const firstRow: CommittedRow = { writer: "first", i: 0 };

/** Commits that a writer may be ahead of the other. */
const MAX_LEAD = 8;
const WAIT_MS = 5;

/**
 * Appends rows one by one, each in a commit of its own, beside another writer that does the same. One that is far ahead
 * waits: a machine that runs one of the two first would show nothing.
 */
export async function commitRows(dataset: Dataset, writer: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    // Every version after the first is a commit of either writer.
    while (2 * i - (dataset.version - 1) > MAX_LEAD) {
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      await dataset.checkoutLatest();
    }
    await dataset.insert([{ writer, i } satisfies CommittedRow]);
  }
}

/** What the history of a table says, in plain values, so that it can leave a page. */
export interface History {
  /** Rows of each version, from version 1 on. */
  readonly rowsOf: readonly number[];
  /** The row each version added, in the order of versions. */
  readonly added: readonly string[];
}

/** Reads the newest version and what every one before it held. */
export async function readHistory(dataset: Dataset): Promise<History> {
  await dataset.checkoutLatest();
  const versions = await dataset.versions();
  const rows = (await dataset.toTable()).toArray() as unknown as CommittedRow[];
  return {
    rowsOf: versions.map(({ numRows }) => numRows),
    added: rows.map(({ writer, i }) => `${writer} ${Number(i)}`),
  };
}

/**
 * Every acknowledged commit is there once, each version adds one of them, and the order explains every version: each
 * writer's rows come in the order it committed them.
 * @returns the faults, none when all is well
 */
export function findFaults(history: History, writers: readonly string[], count: number): string[] {
  const { rowsOf, added } = history;
  const faults: string[] = [];
  const expected = 1 + writers.length * count;
  if (rowsOf.length !== expected) faults.push(`${rowsOf.length} versions, expected ${expected}`);
  rowsOf.forEach((rows, i) => {
    if (rows !== i + 1) faults.push(`version ${i + 1} has ${rows} rows`);
  });
  if (new Set(added).size !== added.length) faults.push("a row is there twice");
  for (const writer of writers) {
    const mine = added.filter((row) => row.startsWith(`${writer} `));
    const wanted = Array.from({ length: count }, (_, i) => `${writer} ${i}`);
    if (mine.join() !== wanted.join()) faults.push(`rows of ${writer}: ${mine.join()}`);
  }
  return faults;
}

/** How often the writer changes from one version to the next: two that never met show nothing. */
export function countTurns({ added }: History): number {
  return added.filter((row, i) => i > 0 && row.split(" ")[0] !== added[i - 1]!.split(" ")[0]).length;
}
