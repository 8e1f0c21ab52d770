import type { RecordBatch } from "apache-arrow";
import { isLanceError, LanceError } from "../errors.ts";
import type { RowSelection } from "../format/read/row-ranges.ts";
import type { LanceField } from "../format/schema.ts";
import type { PartLease, Parts } from "../index/part-cache.ts";
import type { NearestRows } from "../index/search.ts";
import type { VectorType } from "../index/vector-type.ts";
import { type CoreKernels, loadCoreKernels } from "../kernels/core.ts";
import { elementBytes, type QueryVector, viewValues } from "../kernels/element.ts";
import { countBits } from "../table/bit-words.ts";
import type { Fragment } from "../table/fragment.ts";
import type { RowSet } from "../table/row-set.ts";
import { scanFragment } from "../table/rows/scan-fragment.ts";
import {
  type BlockPlace,
  countRows,
  planBlocks,
  type RowBlock,
  readBlocks,
  streamFixedRows,
} from "../table/rows/stream-fixed.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { ADDRESS_BYTES, createKeptBlock, getKeptBlocks, type KeptBlock } from "./kept-blocks.ts";
import type { Metric } from "./scan-options.ts";
import { cutBits, maskVectors, readVectors, VectorScan } from "./vector-scan.ts";

/** What a flat search compares with. */
export interface FlatQuery {
  readonly field: LanceField;
  readonly type: VectorType;
  /** Compared in one pass over the rows. */
  readonly queries: readonly QueryVector[];
  readonly k: number;
  readonly metric: Metric;
  readonly distanceRange: readonly [number | null, number | null];
  readonly fragmentIds: readonly number[];
}

/** How a flat search is cancelled, and whom it tells what it compared. */
export interface FlatSearchOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onRows?: ((fragmentId: number, rows: number) => void) | undefined;
  /** From so many bytes on a column is read past the caches, see {@link streamFixedRows}. */
  readonly leastStreamBytes?: number | undefined;
  /** Bytes of columns kept in WASM memory between searches; a column that is larger is not kept. Default 0. */
  readonly keptBytes?: number | undefined;
}

/** Of a dataset's memory budget, what may be kept of columns that are scanned, over all workers. */
export const KEPT_COLUMN_SHARE = 0.25;

/** Bytes of a block that is kept: looking one up costs what comparing some 200 KB does. */
const KEPT_BLOCK_BYTES = 4 * 1024 * 1024;

/** Bytes of vectors in a batch. */
const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Compares queries with every one of `rows`, a batch at a time. What is no vector (NULL, a NULL item,
 * a value that is not finite) is never returned. The
 * next batch, also of the next fragment, is read meanwhile; memory is a few batches. When `rows` are few, only their
 * vectors are read.
 *
 * @param rows `null` = all; no fragment may then have deleted rows
 * @returns the best k of each query, in their order
 */
export async function searchFlat(
  snapshot: Snapshot,
  query: FlatQuery,
  rows: RowSet | null,
  options: FlatSearchOptions = {},
): Promise<NearestRows[]> {
  const { signal, onRows, leastStreamBytes: leastBytes, keptBytes = 0 } = options;
  const { field, type } = query;
  const kernels = await loadCoreKernels();
  const scan = new VectorScan(kernels, query);
  const giveWay = createGiveWay(signal);
  const rowBytes = type.dimension * elementBytes(type.element);
  const batchRows = Math.max(32, Math.floor(BATCH_BYTES / rowBytes) & ~31);
  const reads = query.fragmentIds.flatMap((id) => planRead(getFragment(snapshot, id), rows) ?? []);
  const open = (read: FragmentRead | undefined): OpenRead | undefined => {
    if (!read) return undefined;
    const { fragment, selection } = read;
    const batches = scanFragment(snapshot, fragment, [query.field], selection, { batchRows, signal, borrow: true });
    const first = batches.next();
    first.catch(() => {});
    return { batches, first };
  };
  let current: OpenRead | undefined;
  let next: OpenRead | undefined;
  try {
    if (reads.every(({ selection }) => selection.kind === "all")) {
      const fragmentIds = reads.map(({ fragment }) => fragment.id);
      const column = { field, rowBytes, leastBytes, signal };
      const masks = new Map(reads.map(({ fragment, mask }) => [fragment.id, mask]));
      const cutMask = ({ fragmentId, firstRow, numRows }: Omit<RowBlock, "bytes">) => {
        const whole = masks.get(fragmentId);
        return whole && cutBits(whole, firstRow, numRows);
      };
      const offer = async (block: RowBlock) => {
        const { fragmentId, firstRow: firstOffset, numRows } = block;
        const values = viewValues(type.element, block.bytes);
        await scan.add({ fragmentId, values, numRows, offsets: null, firstOffset, mask: cutMask(block) }, giveWay);
      };
      const kept = { ...column, blockBytes: KEPT_BLOCK_BYTES };
      const places = keptBytes > 0 ? await planBlocks(snapshot, fragmentIds, kept) : undefined;
      const isKept = places && countRows(places) * (rowBytes + ADDRESS_BYTES) <= keptBytes;
      const blocks = isKept ? undefined : await streamFixedRows(snapshot, fragmentIds, column);
      if (isKept) {
        const keep = { snapshot, kernels, rowBytes, parts: getKeptBlocks(snapshot.files, keptBytes), signal };
        await scanKept(places, keep, {
          useKept: (block, place) => scan.addKept(block, cutMask(place), giveWay),
          useRead: offer,
        });
      }
      for await (const block of blocks ?? []) await offer(block);
      if (isKept || blocks) {
        for (const { fragment, numRows } of reads) onRows?.(fragment.id, numRows);
        return scan.finish();
      }
    }
    current = open(reads[0]);
    for (const [i, read] of reads.entries()) {
      const { batches, first } = current!;
      next = open(reads[i + 1]);
      let start = 0;
      for (let result = await first; !result.done; result = await batches.next()) {
        const { numRows, data } = result.value;
        await scan.add(
          {
            fragmentId: read.fragment.id,
            values: readVectors(data.children[0]!, type, field),
            numRows,
            offsets: read.offsets?.subarray(start, start + numRows) ?? null,
            firstOffset: start,
            mask: maskVectors(data.children[0]!, read.mask && cutBits(read.mask, start, numRows), type.dimension),
          },
          giveWay,
        );
        start += numRows;
      }
      onRows?.(read.fragment.id, read.numRows);
      current = next;
      next = undefined;
    }
    return scan.finish();
  } finally {
    await Promise.allSettled([current, next].map((one) => one?.batches.return(undefined)));
    scan.free();
  }
}

/** Blocks that are held first: what is read may take their place. */
async function scanKept(
  places: readonly BlockPlace[],
  keep: {
    readonly snapshot: Snapshot;
    readonly kernels: CoreKernels;
    readonly rowBytes: number;
    readonly parts: Parts;
    readonly signal: AbortSignal | undefined;
  },
  {
    useKept,
    useRead,
  }: {
    readonly useKept: (block: KeptBlock, place: BlockPlace) => Promise<void>;
    readonly useRead: (block: RowBlock) => Promise<void>;
  },
): Promise<void> {
  const { snapshot, kernels, parts, rowBytes, signal } = keep;
  const use = async (place: BlockPlace, lease: PartLease<KeptBlock>) => {
    try {
      await useKept(lease.part, place);
    } finally {
      lease.release();
    }
  };
  const missing: BlockPlace[] = [];
  for (const place of places) {
    if (parts.has(place.key)) await use(place, await parts.lease(place.key, refuseLoad));
    else missing.push(place);
  }
  let at = 0;
  for await (const block of readBlocks(snapshot, missing, { rowBytes, signal })) {
    const place = missing[at++]!;
    const lease = await parts.lease(place.key, async () => createKeptBlock(kernels, block)).catch(allowFullMemory);
    await (lease ? use(place, lease) : useRead(block));
  }
}

/** What finds no room is compared and not kept. */
function allowFullMemory(error: unknown): undefined {
  if (!(isLanceError(error) && error.code === "QUOTA_EXCEEDED")) throw error;
}

/** What is held is not loaded. */
function refuseLoad(): never {
  throw new LanceError("INVALID_ARGUMENT", "a block that is held was to be loaded");
}

interface OpenRead {
  readonly batches: AsyncGenerator<RecordBatch>;
  readonly first: Promise<IteratorResult<RecordBatch>>;
}

/** What is read of one fragment, and which of its rows count. */
interface FragmentRead {
  readonly fragment: Fragment;
  readonly selection: RowSelection;
  /** Rows compared. */
  readonly numRows: number;
  readonly offsets: Uint32Array | null;
  readonly mask: Uint8Array | undefined;
}

function planRead(fragment: Fragment, rows: RowSet | null): FragmentRead | undefined {
  const { id, physicalRows } = fragment;
  const words = rows?.words(id);
  const numRows = rows === null ? physicalRows : words === undefined ? 0 : countBits(words);
  if (numRows === 0) return undefined;
  // Of more than half of the rows, reading the rest too costs less than picking.
  if (numRows * 2 > physicalRows) {
    const isMasked = words !== undefined && numRows < physicalRows;
    const mask = isMasked ? new Uint8Array(words.buffer, words.byteOffset, words.byteLength) : undefined;
    return { fragment, selection: { kind: "all" }, numRows, offsets: null, mask };
  }
  const offsets = rows!.offsets(id);
  return { fragment, selection: { kind: "indices", indices: offsets }, numRows, offsets, mask: undefined };
}
