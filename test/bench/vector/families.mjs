/** What is built and asked: one index a family, and the settings its curve is drawn through. */

const PROBES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
const EFS = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256];
/** Candidates per wanted row, ranked again by their vectors: what codes lose, this gives back. 0: none. */
const REFINES = { FLAT: [0], SQ: [0, 2], PQ: [2, 5, 10], RQ: [2, 5, 10] };

/** Settings of the peers that are one graph in memory. */
export const GRAPH_SETTINGS = EFS.map((ef) => ({ ef }));
export const RESCORE_SETTINGS = [2, 3, 5, 8, 12, 20, 40].map((rescore) => ({ rescore })).concat([{}]);
/** Comparing with every row, in our words. */
export const FLAT_SETTINGS = [{ useIndex: false }];

/**
 * @param family  as users name it: IVF_FLAT, IVF_HNSW_SQ, …
 * @returns parameters of the build, the same for native, and settings of searches
 */
export function describeFamily(family, { rows, dimension, numPartitions, quick, k }) {
  const [storage] = /[A-Z]+$/.exec(family);
  const refines = REFINES[storage] ?? [0];
  const isGraph = family.includes("HNSW");
  const partitions = isGraph ? 1 : (numPartitions ?? Math.max(1, Math.round(Math.sqrt(rows))));
  const params = {
    numPartitions: partitions,
    ...(storage === "PQ" ? { numSubVectors: countSubVectors(dimension) } : {}),
    ...(storage === "RQ" ? { numBits: 1 } : {}),
    ...(isGraph ? { m: 20, efConstruction: 150 } : {}),
  };
  const steps = isGraph
    ? EFS.map((ef) => ({ nprobes: 1, ef }))
    : PROBES.filter((nprobes) => nprobes <= partitions && (storage === "FLAT" || nprobes > 2)).map((nprobes) => ({
        nprobes,
      }));
  const settings = refines.flatMap((refineFactor) =>
    steps
      // A graph is not asked for more rows than it looks at.
      .filter(({ ef }) => !ef || ef >= k * Math.max(1, refineFactor))
      .map((step) => (refineFactor ? { ...step, refineFactor } : step)),
  );
  return {
    family,
    params,
    settings: thinOut(settings, quick),
    readSetting: chooseReadSetting(family, refines, partitions),
  };
}

/** Every second setting for a quick run. */
export function thinOut(settings, quick) {
  return quick ? settings.filter((_, i) => i % 3 === 1 || settings.length < 3) : settings;
}

/** Eight numbers a sub-vector, or what divides the dimension. */
function countSubVectors(dimension) {
  const width = [8, 4, 2, 1].find((each) => dimension % each === 0);
  return dimension / width;
}

function chooseReadSetting(family, refines, partitions) {
  const step = family.includes("HNSW") ? { nprobes: 1, ef: 64 } : { nprobes: Math.min(16, partitions) };
  return refines.includes(5) ? { ...step, refineFactor: 5 } : step;
}

/** A setting for people: nprobes 16, refine 5. */
export function nameSetting({ nprobes, refineFactor, ef, rescore, useIndex }) {
  const parts = [
    nprobes && !ef ? `nprobes ${nprobes}` : "",
    ef ? `ef ${ef}` : "",
    refineFactor ? `refine ${refineFactor}` : "",
    rescore ? `rescore ${rescore}` : "",
    useIndex === false ? "every row" : "",
  ];
  return parts.filter(Boolean).join(", ") || "its default";
}
