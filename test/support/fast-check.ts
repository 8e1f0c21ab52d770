import fc from "fast-check";

/**
 * Every run draws the same cases, so that one commit passes or fails alike each time; `LANCELET_SEED` draws others. A
 * test may give a seed of its own.
 */
fc.configureGlobal({ seed: Number(process.env.LANCELET_SEED ?? 20261122) });

export * from "fast-check";
export default fc;
