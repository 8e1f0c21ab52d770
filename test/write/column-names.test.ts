import { Field, Int32, List, Schema, Struct } from "apache-arrow";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const int = (name: string): Field => new Field(name, new Int32(), true);

async function createEmpty(fields: Field[]): Promise<{ store: ReturnType<typeof createMemoryStore>; error: unknown }> {
  const store = createMemoryStore();
  const source = await toRecordBatches([], { schema: new Schema(fields) });
  const error = await createTable(store, source, { uri: "memory://names" }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { store, error };
}

// What pylance 14.0.2 refuses to write, or writes and cannot read.
test.each([
  "_rowid",
  "_rowaddr",
  "_rowoffset",
  "_row_created_at_version",
  "_row_last_updated_at_version",
  "",
  "a.b",
  ".a",
  "a.",
  "a`b",
])("a column %j is refused before anything is written", async (name) => {
  const { store, error } = await createEmpty([int("id"), int(name)]);
  expect(error).toMatchObject({ code: "INVALID_ARGUMENT", details: { column: name } });
  expect((error as Error).message).toContain(`column "${name}"`);
  for await (const { path } of store.list("")) expect.unreachable(path);
});

test.each(["_distance", "_score", "_fragid", "a b", 'a"b', "日本", "*", "ID"])(
  "a column %j is fine, as in native Lance",
  async (name) => {
    expect((await createEmpty([int("id"), int(name)])).error).toBeNull();
  },
);

test("two columns of one name, at the top and in a struct", async () => {
  const top = await createEmpty([int("id"), int("x"), int("x")]);
  expect(top.error).toMatchObject({ code: "INVALID_ARGUMENT", details: { column: "x" } });
  const struct = new Field("s", new Struct([int("y"), int("y")]), true);
  const nested = await createEmpty([struct]);
  expect(nested.error).toMatchObject({ code: "INVALID_ARGUMENT", details: { column: "s.y" } });
  const list = await createEmpty([new Field("l", new List(new Field("item", struct.type, true)), true)]);
  expect(list.error).toMatchObject({ code: "INVALID_ARGUMENT", details: { column: "l.item.y" } });
});

test("inside of a struct other names are not refused", async () => {
  const fields = ["_rowid", "a.b", ""].map(int);
  const { error } = await createEmpty([new Field("s", new Struct(fields), true)]);
  expect((error as { code?: string } | null)?.code).not.toBe("INVALID_ARGUMENT");
});
