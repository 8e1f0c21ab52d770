import { fileColumns, openLanceFile } from "../../../src/format/read/file.ts";
import { createMemoryStore } from "../../../src/store/memory.ts";
import { checkData } from "../check-data.ts";
import { thin } from "../corpus.ts";
import { listFiles } from "../file-parts.ts";
import { type Corpus, expectThat, type Input, type Seed, type Target } from "../target.ts";

const MAX_BYTES = 128 * 1024;
const MAX_BATCHES = 3;

/** Whole files of every version: opened, and one column scanned or a few rows of it taken. */
export function createFileTarget(corpus: Corpus): Target<null> {
  const seeds = listFiles(corpus)
    .filter(({ bytes, numRows }) => bytes.length <= MAX_BYTES && numRows > 0)
    .map(({ path, bytes, footer, columns, numRows }): Seed<null> => {
      const hot = [footer.columnTableOffset, footer.globalTableOffset, bytes.length - 40];
      for (const column of columns) hot.push(column.byteOffset - bytes.byteOffset);
      return { name: path, parts: [{ kind: "bytes", bytes, hot }], numbers: [0, numRows >> 1], context: null };
    });
  const kindOf = ({ name, parts }: Seed<null>) => `${name.split("/").slice(0, 2)}|${parts[0]!.bytes.length >> 12}`;
  return { name: "files", weight: 1, codes: ["SCHEMA_MISMATCH"], seeds: thin(seeds, kindOf, 2), run: readFile };
}

async function readFile({ parts, numbers }: Input): Promise<void> {
  const bytes = parts[0]!;
  const file = await openLanceFile(createMemoryStore(new Map([["file", { bytes, modifiedMs: 0 }]])), "file");
  const columns = fileColumns(file);
  const [, row = 0] = numbers;
  // The bytes themselves say which column: every one gets its turn.
  const column = columns[((bytes[bytes.length >> 1] ?? 0) + row) % Math.max(1, columns.length)];
  try {
    if (!column) return;
    const isTake = row % 3 === 0 && file.numRows > 0;
    const rows = isTake
      ? ({ kind: "indices", indices: Uint32Array.of(Math.min(row, file.numRows - 1)) } as const)
      : ({ kind: "all" } as const);
    file.plan([column], rows);
    let batches = 0;
    for await (const batch of file.read([column], rows)) {
      expectThat(
        batch.data.children[0]?.length === batch.numRows,
        `${batch.data.children[0]?.length} of ${batch.numRows} rows`,
      );
      if (isTake) expectThat(batch.numRows === 1, `${batch.numRows} rows of one`);
      checkData(batch.data.children[0]!, column.field.name);
      if (++batches === MAX_BATCHES) break;
    }
  } finally {
    file.close();
  }
}
