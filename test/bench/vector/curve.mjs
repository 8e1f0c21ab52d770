/** Recall, curves of recall and speed, and what a curve says at one recall. Pure, so that a test can check it. */

/** Distances as near as this are one: a peer that sums in another order is not wrong. */
const TIE = 1e-5;

/**
 * Share of the k nearest that were found.
 *
 * @param found   row numbers an engine answered; only the first k count, and each once
 * @param exact   the true nearest: `rows` in order of `distances`, more than k of them, so that ties at the k-th are known
 */
export function measureRecall(found, exact, k) {
  const limit = exact.distances[k - 1] * (1 + TIE) + 1e-12;
  const right = new Set();
  for (const [i, row] of exact.rows.entries()) if (exact.distances[i] <= limit) right.add(row);
  let hits = 0;
  for (const row of new Set(Array.from(found).slice(0, k))) if (right.has(row)) hits++;
  return hits / k;
}

/** Points no other beats in both recall and speed, by rising recall. A point is `{ recall, qps, … }`. */
export function findFrontier(points) {
  const kept = [];
  for (const point of points.toSorted((a, b) => b.recall - a.recall || b.qps - a.qps)) {
    if (kept.length === 0 || point.qps > kept.at(-1).qps) kept.push(point);
  }
  return kept.reverse();
}

/**
 * Queries per second a curve reaches at a recall: between two points along the straight line of log(qps) over recall.
 *
 * @returns `undefined` where no point reaches the recall; of a curve that starts above it, its fastest point
 */
export function interpolateQps(points, recall) {
  const frontier = findFrontier(points);
  const above = frontier.findIndex((point) => point.recall >= recall);
  if (above < 0) return undefined;
  const next = frontier[above];
  const before = frontier[above - 1];
  if (!before || next.recall === recall) return next.qps;
  const share = (recall - before.recall) / (next.recall - before.recall);
  return Math.exp(Math.log(before.qps) * (1 - share) + Math.log(next.qps) * share);
}

/**
 * Seconds for all chunks of queries, each as fast as it ever was: other programs only ever add to a time.
 *
 * @param rounds  seconds per chunk, one array a round; later rounds may have measured fewer chunks
 */
export function sumBestChunks(rounds) {
  const chunks = Math.min(...rounds.map((round) => round.length));
  let seconds = 0;
  for (let i = 0; i < chunks; i++) seconds += Math.min(...rounds.map((round) => round[i]));
  return { chunks, seconds };
}
