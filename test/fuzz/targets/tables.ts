import { jobHandlers } from "../../../src/index/jobs.ts";
import { type Dataset, openDataset } from "../../../src/index.ts";
import { registerJobHandlers } from "../../../src/pool/handlers.ts";
import { createInlinePool } from "../../../src/pool/inline-pool.ts";
import { createMemoryStore, type MemoryObjects } from "../../../src/store/memory.ts";
import { type Corpus, expectThat, type Input, type Seed, type Target } from "../target.ts";

/** Tables small enough to be opened whole many times. */
const TABLES = ["lance/btree.lance", "lance/ivf_flat_l2.lance", "old-writers/0.20.0-2.0", "old-writers/13.0.0-2.2"];
const MAX_FILE_BYTES = 96 * 1024;
const CODES = [
  "NOT_FOUND",
  "IO",
  "SCHEMA_MISMATCH",
  "INVALID_ARGUMENT",
  "INDEX_NOT_FOUND",
  "DIMENSION_MISMATCH",
] as const;

interface TableContext {
  readonly path: string;
  readonly objects: MemoryObjects;
}

/** Whole tables with one file changed: opened, counted, some rows read, indexes and versions listed. */
export function createTableTarget(corpus: Corpus): Target<TableContext> {
  registerJobHandlers(jobHandlers);
  const pool = createInlinePool(jobHandlers);
  const seeds = TABLES.flatMap((table): Seed<TableContext>[] => {
    const objects: MemoryObjects = new Map();
    for (const [path, bytes] of corpus.files) {
      if (path.startsWith(`${table}/`)) objects.set(path.slice(table.length + 1), { bytes, modifiedMs: 0 });
    }
    return [...objects]
      .filter(([path, { bytes }]) => bytes.length <= MAX_FILE_BYTES && !path.endsWith(".txn"))
      .map(([path, { bytes }]) => ({
        name: `${table}/${path}`,
        parts: [{ kind: path.endsWith(".json") ? "json" : "bytes", bytes }],
        numbers: [0],
        context: { path, objects },
      }));
  });
  return {
    name: "tables",
    weight: 0.2,
    codes: CODES,
    seeds,
    async run({ parts, numbers }: Input, { context }) {
      const objects = new Map(context.objects).set(context.path, { bytes: parts[0]!, modifiedMs: 0 });
      await ask(await openDataset(createMemoryStore(objects), { pool }), numbers[0]!);
    },
  };
}

async function ask(dataset: Dataset, question: number): Promise<void> {
  const count = await dataset.countRows();
  expectThat(Number.isSafeInteger(count) && count >= 0, `${count} rows`);
  if (question % 4 === 1) await dataset.versions();
  else if (question % 4 === 2) await dataset.describeIndices();
  else {
    const table = await dataset.toTable({ limit: 20, offset: question % 3 });
    expectThat(table.numRows <= 20 && table.numRows <= count, `${table.numRows} rows of ${count}`);
  }
}
