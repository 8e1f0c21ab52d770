import type { ArrayEncoding } from "../../proto/gen/lance/encodings20_pb.ts";
import type { CompressiveEncoding, FullZipLayout } from "../../proto/gen/lance/encodings21_pb.ts";
import type { ColumnInfo } from "./column-metadata.ts";
import type { LeafColumn, LeafShape } from "./leaf-column.ts";
import type { ArrayColumnInfo } from "./v20/array-metadata.ts";

/** Where the rows of a column lie that are stored one after another, just as Arrow holds them. */
export interface RowLayout {
  readonly rowBytes: number;
  /** First row of each run of neighbours, ascending, and the number of rows. */
  readonly starts: Float64Array;
  /** Where in the file the first row of each run begins. */
  readonly offsets: Float64Array;
}

interface Run {
  readonly numRows: number;
  readonly offset: number;
}

/** The layout of a column of files 2.1 and 2.2; nothing where a page is compressed, indexed or holds levels. Pure. */
export function layoutPages(column: ColumnInfo, leaf: LeafColumn): RowLayout | undefined {
  const bits = countShapeBits(leaf);
  if (bits === undefined) return undefined;
  return joinRuns(
    bits / 8,
    column.pages.map(({ layout: { layout }, buffers, numRows }): Run | undefined => {
      const data = buffers[0];
      const fits = layout.case === "fullZip" && isPlainZip(layout.value, leaf) && data?.length === (numRows * bits) / 8;
      return fits ? { numRows, offset: data.offset } : undefined;
    }),
  );
}

/** The layout of a column of files 2.0; nothing where items are not flat and valid throughout. Pure. */
export function layoutArrays(column: ArrayColumnInfo, shape: LeafShape): RowLayout | undefined {
  if (shape.variable || shape.fields || column.isBlob) return undefined;
  const bits = multiplyOut(shape);
  return joinRuns(
    bits / 8,
    column.pages.map(({ encoding, buffers, numItems }): Run | undefined => {
      const flat = findFlat(encoding, shape.dimensions);
      if (flat === undefined || Number(flat.bitsPerValue) !== shape.itemBits) return undefined;
      if (flat.compression?.scheme || !flat.buffer || flat.buffer.bufferType !== 0) return undefined;
      const data = buffers[flat.buffer.bufferIndex];
      return data && data.length >= (numItems * bits) / 8 ? { numRows: numItems, offset: data.offset } : undefined;
    }),
  );
}

/** Whether rows of a full-zip page are Arrow's own bytes: no levels, no validity, nothing compressed. */
export function isPlainZip({ bitsRep, bitsDef, details, valueCompression }: FullZipLayout, leaf: LeafColumn): boolean {
  return (
    bitsRep + bitsDef === 0 &&
    details.case === "bitsPerValue" &&
    details.value === countBits(valueCompression) &&
    details.value === countShapeBits(leaf)
  );
}

function joinRuns(rowBytes: number, runs: readonly (Run | undefined)[]): RowLayout | undefined {
  if (!Number.isInteger(rowBytes) || rowBytes < 1) return undefined;
  const starts = new Float64Array(runs.length + 1);
  const offsets = new Float64Array(runs.length);
  for (const [i, run] of runs.entries()) {
    if (!run) return undefined;
    starts[i + 1] = starts[i]! + run.numRows;
    offsets[i] = run.offset;
  }
  return { rowBytes, starts, offsets };
}

/** Bits of one value when it is flat, alone or in lists without validity. */
function countBits(encoding: CompressiveEncoding | undefined): number | undefined {
  const compression = encoding?.compression;
  if (compression?.case === "flat" && !compression.value.data) return Number(compression.value.bitsPerValue);
  if (compression?.case !== "fixedSizeList" || compression.value.hasValidity) return undefined;
  const inner = countBits(compression.value.values);
  return inner === undefined ? undefined : inner * Number(compression.value.itemsPerValue);
}

/** Bits of one value by the column's type; nothing where its rows are not values. */
function countShapeBits({ shape, listLayers }: LeafColumn): number | undefined {
  return shape.variable || listLayers.length !== 1 || listLayers[0] ? undefined : multiplyOut(shape);
}

function multiplyOut({ itemBits, dimensions }: LeafShape): number {
  return dimensions.reduce((bits, size) => bits * size, itemBits);
}

/** The flat items below lists of these sizes, when nothing on the way is NULL. */
function findFlat(encoding: ArrayEncoding | undefined, dimensions: readonly number[]) {
  let node = encoding?.arrayEncoding;
  for (let depth = 0; node !== undefined; ) {
    if (node.case === "nullable" && node.value.nullability.case === "noNulls") {
      node = node.value.nullability.value.values?.arrayEncoding;
    } else if (node.case === "fixedSizeList" && !node.value.hasValidity && node.value.dimension === dimensions[depth]) {
      depth++;
      node = node.value.items?.arrayEncoding;
    } else {
      return node.case === "flat" && depth === dimensions.length ? node.value : undefined;
    }
  }
  return undefined;
}
