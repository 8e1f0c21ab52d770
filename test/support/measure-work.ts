/** What this thread has worked so far, in milliseconds of its processor: other programs' time is not its own. */
export function getWorkedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const ROUNDS = 3;
/** Hosts count in steps of some milliseconds: work is repeated until it is several of them. */
const ROUND_MS = 20;

/** The work of one run, in milliseconds: the least of several rounds. */
export function measureWork(run: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = getWorkedMs();
    let runs = 0;
    let worked = 0;
    while (worked < ROUND_MS) {
      run();
      runs++;
      worked = getWorkedMs() - before;
    }
    least = Math.min(least, worked / runs);
  }
  return least;
}

/** How many times more work eight times as much takes: some 8 where it is in proportion, 64 where each looks at all. */
export function measureGrowth(run: (size: number) => unknown, size: number): number {
  const small = measureWork(() => run(size));
  return measureWork(() => run(8 * size)) / small;
}

/** Between 8, of work in proportion, and 64. */
export const MOST_GROWTH = 25;
