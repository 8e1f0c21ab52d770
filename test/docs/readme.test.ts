import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import * as lancelet from "../../src/entry-node.ts";

/** The README's programs, with `opfs://` become `memory://` and what they leave to the reader given. */
const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const programs = [...README.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) =>
  code!.replace(/^import .*$/gm, "").replaceAll("opfs://", "memory://readme-"),
);

afterAll(() => lancelet.clearGlobalPool());

const AsyncFunction = (async () => {}).constructor as new (
  ...names: string[]
) => (...values: unknown[]) => Promise<unknown>;

async function run(code: string, given: Readonly<Record<string, unknown>>): Promise<string[]> {
  const printed: string[] = [];
  const console = { log: (...values: unknown[]) => printed.push(values.map(String).join(" ")) };
  const all = { ...lancelet, console, ...given };
  await new AsyncFunction(...Object.keys(all), code)(...Object.values(all));
  return printed;
}

test("there are three programs", () => {
  expect(programs).toHaveLength(3);
});

test("the first one: a table, two indexes, a search", async () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({
    title: `note ${i}`,
    year: 1950 + (i % 70),
    vector: Float32Array.from({ length: 8 }, (_, d) => Math.sin(i * (d + 1))),
  }));
  const printed = await run(programs[0]!, { rows, q: rows[60]!.vector });
  expect(printed).toHaveLength(1);
  expect(printed[0]).toContain("note 60");
});

test("the second one: a table changed and asked", async () => {
  const seller = { city: "Ulm" };
  const rows = Array.from({ length: 20 }, (_, id) => ({
    id,
    name: `thing ${id}`,
    price: 10 + id,
    stock: id % 4,
    note: "",
    tags: id % 2 === 0 ? ["garden"] : ["kitchen", "garden"],
    seller,
  }));
  const shop = await lancelet.writeDataset(rows, "memory://readme-shop.lance");
  const signal = AbortSignal.timeout(300);
  const arrivals = [{ id: 99, name: "spade", price: 30, stock: 7, note: "", tags: ["garden"], seller }];
  await run(programs[1]!.replace(/^for await/m, "const found = await best.toTable();\nreport(found);\nfor await"), {
    arrivals,
    signal,
    report: (found: { toArray(): { toJSON(): unknown }[] }) =>
      expect(found.toArray()[0]!.toJSON()).toMatchObject({ name: "spade", city: "Ulm", total: 210 }),
  });
  await shop.checkoutLatest();
  expect(await shop.countRows("note LIKE 'reduced: %'")).toBe(5);
  expect(await shop.tags.getVersion("before-sale")).toBe(shop.version);
});

test("the third one: an index of bits, two questions at once, rows appended", async () => {
  const makeRows = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      title: `doc ${from + i}`,
      year: 1990 + ((from + i) % 30),
      vector: Float32Array.from({ length: 16 }, (_, d) => Math.sin((from + i) * (d + 1))),
    }));
  const rows = makeRows(0, 400);
  const docs = await lancelet.writeDataset(rows, "memory://readme-docs.lance");
  const given = { question: rows[25]!.vector, another: rows[55]!.vector, more: makeRows(400, 20) };
  const [printed] = await run(programs[2]!, given);
  expect(printed).toContain("doc 25");
  expect(printed).toContain("doc 55");
  expect(printed!.match(/"query_index":/g)).toHaveLength(10);
  await docs.checkoutLatest();
  expect(await docs.indexStatistics("vector_idx")).toMatchObject({ numIndexedRows: 420, numUnindexedRows: 0 });
});
