import { create } from "@bufbuild/protobuf";
import { PageLayoutSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import { packValidity } from "./bits.ts";
import { describeItems, type EncodedPage } from "./encodings.ts";
import type { ItemRun } from "./item-buffer.ts";
import type { PageLevels } from "./levels.ts";

/**
 * Encodes a page row by row: control word, then the value (format page section 2.2). For values so wide that a take
 * should read exactly them.
 */
export function encodeFullZipPage(items: ItemRun, levels: PageLevels, numRows: number): EncodedPage {
  const bitsRep = 32 - Math.clz32(levels.maxRepetition);
  const bitsDef = 32 - Math.clz32(levels.maxDefinition);
  const controls = buildControls(levels, { bitsRep, bitsDef });
  const isVariable = items.type.kind === "variable";
  const rowStarts = isVariable || levels.repetition ? new Float64Array(numRows + 1) : null;
  const page = isVariable
    ? zipVariable(items, levels, controls, rowStarts!)
    : zipFixed(items, levels, controls, rowStarts);
  const layout = create(PageLayoutSchema, {
    layout: {
      case: "fullZip",
      value: {
        bitsRep,
        bitsDef,
        details: isVariable
          ? { case: "bitsPerOffset", value: items.type.kind === "variable" ? items.type.offsetBits : 0 }
          : { case: "bitsPerValue", value: measureRow(items) * 8 },
        numItems: levels.count,
        numVisibleItems: items.count,
        valueCompression: describeItems(items),
        layers: levels.layers,
      },
    },
  });
  return { numRows, buffers: rowStarts ? [page, packRowStarts(rowStarts)] : [page], layout };
}

/** What stands before each value: repetition above definition, in as few whole bytes as hold both. */
interface ControlWords {
  readonly byteWidth: number;
  readonly bytes: Uint8Array;
}

function buildControls(levels: PageLevels, { bitsRep, bitsDef }: { bitsRep: number; bitsDef: number }): ControlWords {
  const { repetition, definition, count } = levels;
  const bits = bitsRep + bitsDef;
  const byteWidth = bits === 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
  const words = byteWidth === 4 ? new Uint32Array(count) : byteWidth === 2 ? new Uint16Array(count) : null;
  const target = words ?? new Uint8Array(byteWidth === 0 ? 0 : count);
  if (repetition) for (let i = 0; i < target.length; i++) target[i] = repetition[i]! << bitsDef;
  if (definition) for (let i = 0; i < target.length; i++) target[i] = target[i]! | definition[i]!;
  return { byteWidth, bytes: new Uint8Array(target.buffer) };
}

function copyControl(page: Uint8Array, at: number, { byteWidth, bytes }: ControlWords, level: number): number {
  for (let i = 0; i < byteWidth; i++) page[at + i] = bytes[level * byteWidth + i]!;
  return at + byteWidth;
}

function measureRow(items: ItemRun): number {
  const { type } = items;
  if (type.kind === "fixed") return type.byteWidth;
  if (type.kind !== "fixedSizeList") return 0;
  return type.byteWidth * type.dimension + (items.elementNulls ? Math.ceil(type.dimension / 8) : 0);
}

function zipFixed(
  items: ItemRun,
  levels: PageLevels,
  controls: ControlWords,
  rowStarts: Float64Array | null,
): Uint8Array {
  const rowBytes = measureRow(items);
  const { elementNulls, type, values } = items;
  const dimension = type.kind === "fixedSizeList" ? type.dimension : 1;
  const validityBytes = elementNulls ? Math.ceil(dimension / 8) : 0;
  const valueBytes = rowBytes - validityBytes;
  if (controls.byteWidth === 0 && !elementNulls && !rowStarts) return values;
  const page = new Uint8Array(controls.bytes.length + items.count * rowBytes);
  let at = 0;
  let value = 0;
  let row = 0;
  for (let level = 0; level < levels.count; level++) {
    if (rowStarts && levels.repetition![level] === levels.maxRepetition) rowStarts[row++] = at;
    at = copyControl(page, at, controls, level);
    if (levels.definition && levels.definition[level]! > levels.maxVisible) continue;
    if (validityBytes > 0)
      packValidity(page.subarray(at, at + validityBytes), elementNulls, value * dimension, dimension);
    page.set(values.subarray(value * valueBytes, (value + 1) * valueBytes), at + validityBytes);
    at += rowBytes;
    value++;
  }
  if (rowStarts) rowStarts[row] = at;
  return page;
}

/** A null has its control word alone; a valid value is its length, then its bytes. */
function zipVariable(items: ItemRun, levels: PageLevels, controls: ControlWords, rowStarts: Float64Array): Uint8Array {
  const { ends, values } = items;
  const lengthBytes = items.type.kind === "variable" ? items.type.offsetBits / 8 : 4;
  const numBytes = ends[items.count]! - ends[0]!;
  const page = new Uint8Array(controls.bytes.length + items.count * lengthBytes + numBytes);
  const view = new DataView(page.buffer);
  let at = 0;
  let value = 0;
  let row = 0;
  for (let level = 0; level < levels.count; level++) {
    if (levels.repetition === null || levels.repetition[level] === levels.maxRepetition) rowStarts[row++] = at;
    at = copyControl(page, at, controls, level);
    const definition = levels.definition ? levels.definition[level]! : 0;
    if (definition > levels.maxVisible) continue;
    if (definition === 0) {
      const start = ends[value]!;
      const end = ends[value + 1]!;
      view.setUint32(at, end - start, true);
      at += lengthBytes;
      page.set(values.subarray(start, end), at);
      at += end - start;
    }
    value++;
  }
  rowStarts[row] = at;
  return page.subarray(0, at);
}

/** Row starts and the end, in the narrower of 4 and 8 bytes: the reader takes the width from the size. */
function packRowStarts(rowStarts: Float64Array): Uint8Array {
  if (rowStarts[rowStarts.length - 1]! <= 0xffffffff) return new Uint8Array(Uint32Array.from(rowStarts).buffer);
  const wide = new BigUint64Array(rowStarts.length);
  for (let i = 0; i < wide.length; i++) wide[i] = BigInt(rowStarts[i]!);
  return new Uint8Array(wide.buffer);
}
