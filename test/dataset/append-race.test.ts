import { Field, Int32, Schema } from "apache-arrow";
import { expect, test } from "vitest";
import { createMemoryStore, openDataset, type Store, writeDataset } from "../../src/index.ts";
import { registerStoreKind } from "../../src/store/open-store.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { codeOf, idsOf, listPaths, makeRows, SCHEMA } from "./support.ts";

test("of writers that all append to no table one makes it, and none loses its rows", async () => {
  const store = createMemoryStore();
  const parts = [0, 1, 2, 3].map((i) => makeRows(100 * i, 100));
  // The first from an iterable, which can be read once.
  const inputs = [[parts[0]!].values(), parts[1]!, parts[2]!, parts[3]!];
  const written = await Promise.all(
    inputs.map((data) => writeDataset(data, store, { mode: "append", schema: SCHEMA })),
  );
  expect(written.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4]);
  const ids = idsOf(await (await openDataset(store)).toTable());
  expect(ids.sort((a, b) => a - b)).toEqual(parts.flat().map(({ id }) => id));
});

test("with other columns the loser hears so, and leaves nothing", async () => {
  const store = createMemoryStore();
  const other = new Schema([new Field("other", new Int32(), true)]);
  const calls = [
    writeDataset(makeRows(0, 10), store, { mode: "append", schema: SCHEMA }),
    writeDataset([{ other: 1 }], store, { mode: "append", schema: other }),
  ];
  const codes = await Promise.all(calls.map(codeOf));
  expect(codes.filter((code) => code !== null)).toEqual(["COMMIT_CONFLICT"]);
  expect(await listPaths(store, "data/")).toHaveLength(1);
});

test("a racing create still says that the table exists", async () => {
  const store = createMemoryStore();
  const calls = [0, 1].map((i) => writeDataset(makeRows(10 * i, 10), store, { schema: SCHEMA }));
  const codes = await Promise.all(calls.map(codeOf));
  expect(codes.filter((code) => code !== null)).toEqual(["ALREADY_EXISTS"]);
});

test("each call opens one store of its own, and closes it when it fails", async () => {
  const shared = createMemoryStore();
  let opened = 0;
  let closed = 0;
  registerStoreKind({
    kind: "counted",
    schemes: ["counted"],
    openUri(): Store {
      opened++;
      return overrideStore<Store>(shared, {
        async close() {
          closed++;
        },
      });
    },
  });
  const uri = "counted://table";
  const rows = makeRows(0, 10);
  const first = await writeDataset(rows, uri, { mode: "append", schema: SCHEMA });
  const second = await writeDataset(rows, uri, { mode: "append" });
  expect([opened, closed]).toEqual([2, 0]);
  await Promise.all([first.close(), second.close()]);
  expect([opened, closed]).toEqual([2, 2]);
  expect(await codeOf(writeDataset(rows, uri, { schema: SCHEMA }))).toBe("ALREADY_EXISTS");
  expect(await codeOf(writeDataset([{ nope: 1 }], uri, { mode: "append" }))).toBe("SCHEMA_MISMATCH");
  expect([opened, closed]).toEqual([4, 4]);
});
