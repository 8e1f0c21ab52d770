import type { ReadableStore, Store } from "./store.ts";

/**
 * The same store with some methods replaced; everything else is the store's own, bound to it, so that instances with
 * private fields work. `describe()` stays the inner store's: what reopens elsewhere is the data, not the wrapper.
 */
export function overrideStore<S extends ReadableStore>(store: S, methods: Partial<Store>): S {
  return new Proxy({} as S, {
    get(_, property) {
      const replaced: unknown = Reflect.get(methods, property);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(store, property, store);
      return typeof value === "function" ? value.bind(store) : value;
    },
    has: (_, property) => property in store,
  });
}
