import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright";
import { build } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { serveFolder } from "../../web/serve.mjs";
import { createRandom, findNearest, makeRows, makeVector } from "../dataset/rows.ts";
import { launchChromium, PAGE_WAIT_MS } from "../tools/launch-chromium.ts";
import type { ExportedFile } from "./chromium/page.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const ROWS = 1_000;
const rows = makeRows(0, ROWS).filter((row) => row.id % 10 !== 3);

let scratch: string;
let server: Awaited<ReturnType<typeof serveFolder>>;
let browser: Browser;
let page: Page;
let native: NativeSession;

/** What native Lance says of one table. */
interface NativeAnswers {
  readonly rows: number;
  readonly indices: readonly (readonly [name: string, type: string, rows: number, segments: number])[];
  readonly filterPlan: string;
  readonly filterIds: readonly number[];
  readonly textPlan: string;
  readonly textIds: readonly number[];
  readonly nearestPlan: string;
  readonly nearest: readonly { readonly ids: number[]; readonly distances: number[] }[];
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lancelet-chromium-"));
  await build({
    configFile: false,
    root: join(root, "test/interop/chromium"),
    base: "./",
    logLevel: "error",
    resolve: { alias: { lancelet: join(root, "src/entry-browser.ts") } },
    worker: { format: "es" },
    build: { outDir: join(scratch, "page"), emptyOutDir: true, target: "es2022" },
  });
  server = await serveFolder(join(scratch, "page"));
  browser = await launchChromium();
  page = await browser.newPage();
  page.setDefaultTimeout(PAGE_WAIT_MS);
  await page.goto(server.url);
  await page.waitForFunction(() => "writeAndExport" in globalThis);
  native = openNativeSession(scratch);
});

afterAll(async () => {
  native?.close();
  await browser?.close();
  await server?.close();
  await rm(scratch, { recursive: true, force: true });
});

async function exportTable(metric: string): Promise<string> {
  const files = await page.evaluate(
    async ([count, name]) => {
      const { writeAndExport } = globalThis as never as {
        writeAndExport: (rows: number, metric: string) => Promise<ExportedFile[]>;
      };
      return writeAndExport(count, name);
    },
    [ROWS, metric] as const,
  );
  const folder = `${metric}.lance`;
  for (const { path, base64 } of files) {
    const target = join(scratch, folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, Buffer.from(base64, "base64"));
  }
  return folder;
}

const ask = (folder: string, metric: string, queries: readonly (readonly number[])[]) => `
import numpy as np
d = lance.dataset(${JSON.stringify(folder)})
d.validate()
size = d.scanner(columns=["id"], filter="size < 20")
text = d.scanner(columns=["id"], filter="name LIKE 'name 1%'")
near = lambda q: d.scanner(columns=["id"], nearest={"column": "vector", "q": np.array(q, np.float32), "k": 12, "nprobes": 4, "metric": "${metric}"})
out = {
  "rows": d.count_rows(),
  "indices": [[i.name, i.index_type, i.num_rows_indexed, len(i.segments)] for i in sorted(d.describe_indices(), key=lambda i: i.name)],
  "filterPlan": size.explain_plan(), "filterIds": size.to_table()["id"].to_pylist(),
  "textPlan": text.explain_plan(), "textIds": text.to_table()["id"].to_pylist(),
  "nearestPlan": near(${JSON.stringify(queries[0])}).explain_plan(),
  "nearest": [{"ids": t["id"].to_pylist(), "distances": t["_distance"].to_pylist()} for t in (near(q).to_table() for q in ${JSON.stringify(queries)})],
}
d.delete("id = 500")
d.insert(d.to_table(limit=5))
`;

it.each(["l2", "cosine", "dot"])(
  "native Lance uses a table and its indexes written in Chromium: %s",
  async (metric) => {
    const random = createRandom(5);
    const queries = Array.from({ length: 3 }, () => makeVector(random));
    const answers = (await native.run(ask(await exportTable(metric), metric, queries))) as NativeAnswers;
    expect(answers.rows).toBe(rows.length);
    expect(answers.indices).toEqual([
      ["name_idx", "BTree", rows.length, 2],
      ["size_idx", "BTree", rows.length, 2],
      ["v_idx", "IVF_FLAT", rows.length, 2],
    ]);
    expect(answers.filterPlan).toContain("@size_idx(BTree)");
    expect([...answers.filterIds].sort((a, b) => a - b)).toEqual(
      rows.filter(({ size }) => size !== null && size < 20).map(({ id }) => id),
    );
    expect(answers.textPlan).toContain("@name_idx(BTree)");
    expect([...answers.textIds].sort((a, b) => a - b)).toEqual(
      rows.filter(({ name }) => name?.startsWith("name 1")).map(({ id }) => id),
    );
    expect(answers.nearestPlan).toContain("ANNSubIndex: name=v_idx");
    for (const [i, q] of queries.entries()) {
      const want = findNearest(rows, q, 12, metric);
      const got = answers.nearest[i]!;
      expect(new Set(got.ids)).toEqual(new Set(want.map(({ id }) => id)));
      for (const [rank, { distance }] of want.entries()) expect(got.distances[rank]).toBeCloseTo(distance, 4);
    }
  },
);
