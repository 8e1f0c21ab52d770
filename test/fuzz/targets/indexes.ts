import { fileColumns, openLanceFile } from "../../../src/format/read/file.ts";
import type { LanceField } from "../../../src/format/schema.ts";
import { checkPageLookup, getPageRange, readPageLookup } from "../../../src/index/btree/page-lookup.ts";
import { findValueType, type ValueType } from "../../../src/index/btree/value-type.ts";
import { openIvfHeader } from "../../../src/index/ivf/header.ts";
import type { IvfKind } from "../../../src/index/ivf/kind.ts";
import { flatStorage } from "../../../src/index/ivf/storage/flat.ts";
import { flatSubIndex } from "../../../src/index/ivf/sub-index/flat.ts";
import { getCompareDimension } from "../../../src/index/ivf/vectors.ts";
import type { IndexSegment, OpenSegment } from "../../../src/index/segment.ts";
import { createMemoryStore } from "../../../src/store/memory.ts";
import { thin } from "../corpus.ts";
import { type FileParts, listFiles } from "../file-parts.ts";
import { type Corpus, expectThat, type Input, type Part, type Seed, type Target } from "../target.ts";

const MAX_BYTES = 64 * 1024;
const IVF_FLAT: IvfKind = { indexType: "IVF_FLAT", subIndex: flatSubIndex, storage: flatStorage };

interface IndexContext {
  readonly kind: "btree" | "ivf";
  readonly field: LanceField;
}

/** Headers of index segments: BTREE's table of pages, IVF's centroids and partitions. */
export function createIndexTarget(corpus: Corpus): Target<IndexContext> {
  const files = listFiles(corpus).filter(({ bytes }) => bytes.length <= MAX_BYTES);
  const lookups = files.filter(
    ({ path, schema }) => path.endsWith("page_lookup.lance") && findValueType(schema.fields[0]!),
  );
  const seeds: Seed<IndexContext>[] = lookups.map((file) => ({
    name: file.path,
    parts: [toPart(file)],
    numbers: [],
    context: { kind: "btree", field: file.schema.fields[0]! },
  }));
  for (const index of files.filter(({ path }) => path.endsWith("index.idx"))) {
    const storage = files.find(({ path }) => path === index.path.replace("index.idx", "auxiliary.idx"));
    // Headers are opened as IVF_FLAT, which refuses those of codes whatever they hold.
    const field = storage?.schema.fields.find(({ name }) => name === "flat");
    if (!storage || !field) continue;
    seeds.push({
      name: index.path,
      parts: [toPart(index), toPart(storage)],
      numbers: [],
      context: { kind: "ivf", field },
    });
  }
  const kindOf = ({ context }: Seed<IndexContext>) => `${context.kind} ${context.field.logicalType}`;
  return {
    name: "indexes",
    weight: 1,
    codes: ["SCHEMA_MISMATCH"],
    seeds: thin(seeds, kindOf, 3),
    run: (input, { context }) => (context.kind === "btree" ? readLookup(input, context) : readHeader(input, context)),
  };
}

/** What is written once all pages are there, at the end, is changed most. */
function toPart({ bytes, footer, columns }: FileParts): Part {
  const hot = [footer.columnTableOffset, footer.globalTableOffset, bytes.length - 40];
  for (const column of columns) hot.push(column.byteOffset - bytes.byteOffset);
  return { kind: "bytes", bytes, hot };
}

async function readLookup({ parts }: Input, { field }: IndexContext): Promise<void> {
  const store = createMemoryStore(new Map([["page_lookup.lance", { bytes: parts[0]!, modifiedMs: 0 }]]));
  const file = await openLanceFile(store, "page_lookup.lance");
  const type = findValueType(field) as ValueType;
  // The type is that of the column in the table, which the file cannot change; its opener compares them.
  if (
    fileColumns(file)
      .slice(0, 2)
      .some((column) => column.field.logicalType !== field.logicalType)
  )
    return;
  if (file.numRows > 1 << 16) return;
  const lookup = await readPageLookup(file, type);
  expectThat(lookup.numPages === file.numRows, `${lookup.numPages} pages of ${file.numRows}`);
  const numRows = lookup.numPages * lookup.batchSize;
  checkPageLookup(lookup, numRows, "file");
  for (const page of lookup.pages) {
    const [start, end] = getPageRange(lookup, page, numRows);
    expectThat(start >= 0 && end <= numRows && start <= end, `a page of rows ${start} to ${end}`);
  }
}

async function readHeader({ parts }: Input, { field }: IndexContext): Promise<void> {
  const [index, storage] = parts as [Uint8Array, Uint8Array];
  const store = createMemoryStore(
    new Map([
      ["segment/index.idx", { bytes: index, modifiedMs: 0 }],
      ["segment/auxiliary.idx", { bytes: storage, modifiedMs: 0 }],
    ]),
  );
  const segment = { files: null } as IndexSegment;
  const open: OpenSegment = { segment, store, directory: "segment", field };
  const header = await openIvfHeader(IVF_FLAT, open);
  const { centroids, numPartitions, type } = header.model;
  expectThat(centroids.length === numPartitions * getCompareDimension(type), "another number of centroids");
  for (let i = 0; i < numPartitions; i++) {
    const end = header.offsets[i]! + header.lengths[i]!;
    expectThat(end <= header.file.numRows, `partition ${i} ends at ${end} of ${header.file.numRows}`);
  }
}
