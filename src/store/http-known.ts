import { refuseChanged } from "./http-errors.ts";
import { isMutablePath } from "./mutable-paths.ts";

/** What an earlier answer told of an object. */
export interface KnownObject {
  readonly totalBytes?: number;
  /** Strong validators only. */
  readonly etag?: string;
}

/** Facts learned of the objects of one store. */
export interface KnownObjects {
  sizeOf(path: string): number | undefined;
  /** @throws IO when an object that is written once is not what it was */
  learn(call: { path: string; url: string }, facts: KnownObject): void;
}

/** Facts of so many objects are kept; the oldest are forgotten, and at worst learned again. */
const MAX_KNOWN = 10_000;

/** An empty memory. Objects whose content may change leave no trace in it. */
export function createKnownObjects(): KnownObjects {
  const known = new Map<string, KnownObject>();
  return {
    sizeOf: (path) => known.get(path)?.totalBytes,
    learn({ path, url }, facts) {
      if (isMutablePath(path)) return;
      const before = known.get(path);
      for (const [what, expected, received] of [
        ["length", before?.totalBytes, facts.totalBytes],
        ["etag", before?.etag, facts.etag],
      ] as const) {
        if (expected === undefined || received === undefined || expected === received) continue;
        known.delete(path);
        throw refuseChanged({ path, url, what, expected, received });
      }
      known.delete(path);
      known.set(path, { ...before, ...facts });
      if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!);
    },
  };
}
