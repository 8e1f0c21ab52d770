import { describe, it } from "vitest";
import { listStoreChecks, type StoreFactory, type StoreFeatures } from "./store-checks.ts";

/** Runs the whole store contract as tests of `name`. */
export function describeStore(name: string, open: StoreFactory, features: StoreFeatures = {}): void {
  describe(name, () => {
    for (const check of listStoreChecks(features)) {
      it(check.name, () => check.run(open));
    }
  });
}
