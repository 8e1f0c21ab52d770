/** A whole number below `limit`, the same for the same seed on every machine. */
export type Random = (limit: number) => number;

/** splitmix-seeded xorshift: one generator for each execution, so that any of them runs alone. */
export function createRandom(seed: number, execution: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(execution + 1, 0xc2b2ae35)) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  // Neighbouring executions start from near states; a few steps part them.
  for (let i = 0; i < 4; i++) next();
  return (limit) => (limit <= 1 ? 0 : next() % limit);
}

/** One of a list. */
export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random(values.length)]!;
}
