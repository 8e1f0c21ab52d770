import { type List, makeData, type RecordBatch, Uint32 } from "apache-arrow";
import { LanceError } from "../../../errors.ts";
import { toArrowSchema } from "../../../format/arrow-schema.ts";
import { type FileColumn, fileColumns, type LanceFile } from "../../../format/read/file.ts";
import type { LanceField, LanceSchema } from "../../../format/schema.ts";
import type { GraphLevel } from "../../../kernels/graph-build.ts";
import { createBatch, createIndexField } from "../../file-batch.ts";

const NODES = "__vector_id";
const NEIGHBORS = "__neighbors";
/** Of each neighbour. Unread since native 8; older readers need it. */
const DISTANCES = "_distance";
/** Links of one page are held whole. */
const MAX_LINKS = 2 ** 28;
/** Rows of one batch: encoding it is short. */
const BATCH_ROWS = 8192;

/** Columns of the index file of graphs: one row for each row of each level. */
export const graphSchema: LanceSchema = {
  fields: [
    createIndexField(0, NODES, "uint32", true),
    createListField(1, NEIGHBORS, "uint32"),
    createListField(3, DISTANCES, "float"),
  ],
  metadata: {},
};

function createListField(id: number, name: string, itemType: string): LanceField {
  const item = { ...createIndexField(id + 1, "item", itemType, true), parentId: id };
  return { ...createIndexField(id, name, "list", true), children: [item] };
}

const arrowSchema = toArrowSchema(graphSchema);

/** A level as rows of the index file. */
export function* createGraphBatches({ nodes, counts, neighbors, distances }: GraphLevel): Generator<RecordBatch> {
  for (let start = 0, link = 0; start < nodes.length; start += BATCH_ROWS) {
    const lengths = counts.subarray(start, start + BATCH_ROWS);
    const valueOffsets = new Int32Array(lengths.length + 1);
    for (let i = 0; i < lengths.length; i++) valueOffsets[i + 1] = valueOffsets[i]! + lengths[i]!;
    const end = link + valueOffsets.at(-1)!;
    const length = lengths.length;
    const [, neighborType, distanceType] = arrowSchema.fields.map(({ type }) => type as List);
    const lists = (type: List, data: Uint32Array | Float32Array) => {
      const itemType = type.children[0]!.type;
      const child = makeData({ type: itemType, length: data.length, nullCount: 0, data } as never);
      return makeData({ type, length, nullCount: 0, valueOffsets, child } as never);
    };
    yield createBatch(arrowSchema, length, [
      makeData({ type: new Uint32(), length, nullCount: 0, data: nodes.subarray(start, start + length) }),
      lists(neighborType!, neighbors.subarray(link, end)),
      lists(distanceType!, distances.subarray(link, end)),
    ]);
    link = end;
  }
}

/** Lists of one partition, as the index file has them. */
export interface GraphLists {
  readonly nodes: Uint32Array;
  /** Where lists start in `neighbors`, and the end. */
  readonly offsets: Uint32Array;
  readonly neighbors: Uint32Array;
}

/**
 * Reads rows of the index file, without the distances.
 * @throws CORRUPT for other columns, or where rows are missing; QUOTA_EXCEEDED, IO, ABORTED
 */
export async function readGraphLists(
  index: LanceFile,
  range: readonly [start: number, end: number],
  signal?: AbortSignal,
): Promise<GraphLists> {
  const columns = findColumns(index);
  const numLists = range[1] - range[0];
  const nodes = new Uint32Array(numLists);
  const offsets = new Uint32Array(numLists + 1);
  const pieces: Uint32Array[] = [];
  let row = 0;
  let links = 0;
  for await (const batch of index.read(columns, { kind: "ranges", ranges: [range] }, { signal })) {
    const [ids, lists] = batch.data.children;
    const { valueOffsets, children } = lists!;
    nodes.set((ids!.values as Uint32Array).subarray(0, batch.numRows), row);
    const first = valueOffsets[0] ?? 0;
    for (let i = 0; i < batch.numRows; i++) offsets[++row] = links + valueOffsets[i + 1]! - first;
    links = offsets[row]!;
    if (links > MAX_LINKS) {
      throw new LanceError(
        "QUOTA_EXCEEDED",
        `${index.path}: the graph of a partition has more than ${MAX_LINKS} links; build the index with more partitions`,
        { path: index.path, numLists },
      );
    }
    pieces.push((children[0]!.values as Uint32Array).slice(first, valueOffsets[batch.numRows]));
  }
  if (row !== numLists) {
    throw new LanceError("CORRUPT", `${index.path}: ${numLists - row} rows are missing from it`, { path: index.path });
  }
  return { nodes, offsets, neighbors: joinPieces(pieces, links) };
}

function joinPieces(pieces: readonly Uint32Array[], length: number): Uint32Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint32Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function findColumns(index: LanceFile): FileColumn[] {
  const columns = fileColumns(index);
  const found = [NODES, NEIGHBORS].map((name) => columns.find(({ field }) => field.name === name));
  const received = columns.map(({ field }) => `${field.name}: ${nameType(field)}`).join(", ");
  const [ids, lists] = found;
  const isGraph = ids && lists && nameType(ids.field) === "uint32" && nameType(lists.field) === "list<uint32>";
  if (isGraph) return [ids, lists];
  throw new LanceError(
    "CORRUPT",
    `${index.path}: expected columns ${NODES}: uint32, ${NEIGHBORS}: list<uint32>; received ${received}`,
    { path: index.path, received },
  );
}

function nameType({ logicalType, children }: LanceField): string {
  const isList = logicalType === "list" || logicalType === "large_list";
  return isList ? `list<${children[0]?.logicalType}>` : logicalType;
}
