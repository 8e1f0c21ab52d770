import { isLanceError } from "../../src/errors.ts";
import type { Store } from "../../src/store/store.ts";

/** Tries to create `_versions/0` and so on with one text, and tells which were won. */
export async function createPaths(store: Store, plan: { text: string; numPaths: number }): Promise<number[]> {
  const bytes = new TextEncoder().encode(plan.text);
  const wins: number[] = [];
  for (let path = 0; path < plan.numPaths; path++) {
    try {
      await store.put(`_versions/${path}`, bytes, { mode: "create" });
      wins.push(path);
    } catch (error) {
      if (!isLanceError(error, "ALREADY_EXISTS")) throw error;
    }
  }
  return wins;
}
