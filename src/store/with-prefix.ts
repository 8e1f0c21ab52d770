import { joinIdentity } from "./identity.ts";
import { assertPath, assertPrefix } from "./paths.ts";
import { assertRange } from "./ranges.ts";
import type { Store, StoreCallOptions, StoreDescription } from "./store.ts";

/** The `kind` of a description that wraps another one; {@link reopenStore} knows it without registration. */
export const PREFIX_KIND = "prefix";

/**
 * A store rooted at a folder of another one.
 * @param prefix the folder, with or without a last `/`; empty gives the store itself
 */
export function withPrefix(store: Store, prefix: string): Store {
  if (prefix === "") return store;
  assertPrefix(prefix);
  const folder = prefix.endsWith("/") ? prefix : `${prefix}/`;
  const below = (path: string) => {
    assertPath(path);
    return folder + path;
  };
  return {
    identity: store.identity === undefined ? undefined : joinIdentity(store.identity, folder),
    get capabilities() {
      return store.capabilities;
    },
    describe(): StoreDescription | undefined {
      const inner = store.describe();
      return inner && { kind: PREFIX_KIND, prefix: folder, store: inner };
    },
    async get(path, range = {}, options) {
      assertRange(range);
      return store.get(below(path), range, options);
    },
    ...(store.peekList && {
      async peekList(inner: string, options: StoreCallOptions & { limit: number; when: "likely" | "possible" }) {
        assertPrefix(inner);
        const head = await store.peekList!(folder + inner, options);
        return head?.map((object) => ({ ...object, path: object.path.slice(folder.length) }));
      },
    }),
    ...(store.listKept && {
      listKept: async (inner: string) =>
        (await store.listKept!(folder + inner)).map((path) => path.slice(folder.length)),
    }),
    async put(path, bytes, options) {
      await store.put(below(path), bytes, options);
    },
    async createWriter(path, options) {
      return store.createWriter(below(path), options);
    },
    async *list(inner, options) {
      assertPrefix(inner);
      for await (const object of store.list(folder + inner, options)) {
        yield { ...object, path: object.path.slice(folder.length) };
      }
    },
    async delete(path, options) {
      await store.delete(below(path), options);
    },
    ...(store.close ? { close: () => store.close!() } : {}),
  };
}
