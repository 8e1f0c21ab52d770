/** Rows to pick: row `rows[i]` of source `sources[i]` (all of source 0 where `sources` is absent). */
export interface Picks {
  readonly rows: Uint32Array;
  readonly sources?: Uint32Array | undefined;
}
