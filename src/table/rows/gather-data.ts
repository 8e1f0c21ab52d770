import { type Data, type DataType, makeData, Type } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { gatherDictionary } from "./gather-dictionary.ts";
import type { Picks } from "./picks.ts";

type Buffer = { byteLength: number; byteOffset: number; buffer: ArrayBufferLike };

/**
 * Copies rows of Arrow arrays of one type into a new one, in the order given, repeats allowed. Costs one copy of the
 * picked values; null slots keep whatever they held.
 *
 * @param sources of one type, sliced or not
 * @throws UNSUPPORTED for types without a row layout known here
 */
export function gatherData(sources: readonly Data[], picks: Picks): Data {
  const type = sources[0]!.type as DataType;
  const length = picks.rows.length;
  const nulls = gatherValidity(sources, picks);
  const base = { type, length, ...nulls };
  // The cast: makeData's overloads tell types apart by class, which a table over type ids cannot.
  const make = (buffers: object) => makeData({ ...base, ...buffers } as never) as Data;
  switch (type.typeId) {
    case Type.Null:
      return makeData({ type, length } as never) as Data;
    case Type.Bool:
      return make({
        data: gatherBits(
          sources.map(({ values, offset }) => ({ bits: values as Uint8Array, offset })),
          picks,
        ),
      });
    case Type.Utf8:
    case Type.Binary:
    case Type.LargeUtf8:
    case Type.LargeBinary:
      return make(gatherBytes(sources, picks, type.typeId === Type.LargeUtf8 || type.typeId === Type.LargeBinary));
    case Type.List:
    case Type.LargeList:
    case Type.Map: {
      const { valueOffsets, children } = gatherLists(sources, picks, type.typeId === Type.LargeList);
      return make({
        valueOffsets,
        child: gatherData(
          sources.map((source) => source.children[0]!),
          children,
        ),
      });
    }
    case Type.FixedSizeList:
      return make({ child: gatherFixedLists(sources, picks, (type as DataType & { listSize: number }).listSize) });
    case Type.Struct:
      return make({
        children: sources[0]!.children.map((_, i) =>
          gatherData(
            sources.map((source) => source.children[i]!),
            picks,
          ),
        ),
      });
    case Type.Dictionary:
      return make(gatherDictionary(sources, picks));
    case Type.Union:
    case Type.Utf8View:
    case Type.BinaryView:
      throw new LanceError("UNSUPPORTED", `rows of ${type} cannot be picked`, { type: String(type) });
    default:
      return make({ data: gatherFixed(sources, picks, 1) });
  }
}

function gatherValidity(sources: readonly Data[], picks: Picks): { nullCount: number; nullBitmap?: Uint8Array } {
  if (sources.every((source) => source.nullCount === 0)) return { nullCount: 0 };
  const bitmaps = sources.map(({ nullCount, nullBitmap, offset }) => ({
    bits: nullCount === 0 || nullBitmap === undefined || nullBitmap.length === 0 ? undefined : nullBitmap,
    offset,
  }));
  const nullBitmap = gatherBits(bitmaps, picks);
  let nullCount = 0;
  for (let i = 0; i < picks.rows.length; i++) nullCount += 1 - ((nullBitmap[i >> 3]! >> (i & 7)) & 1);
  return { nullCount, nullBitmap };
}

/** A source without bits is all ones. */
function gatherBits(sources: readonly { bits: Uint8Array | undefined; offset: number }[], picks: Picks): Uint8Array {
  const { rows, sources: from } = picks;
  const out = new Uint8Array(Math.ceil(rows.length / 64) * 8);
  for (let i = 0; i < rows.length; i++) {
    const { bits, offset } = sources[from === undefined ? 0 : from[i]!]!;
    const at = offset + rows[i]!;
    if (bits === undefined || (bits[at >> 3]! >> (at & 7)) & 1) out[i >> 3]! |= 1 << (i & 7);
  }
  return out;
}

/** Fixed-width values, `perRow` of them a row, moved in the widest words that fit so that no BigInt is made. */
function gatherFixed(sources: readonly Data[], picks: Picks, perRow: number): Buffer {
  const first = sources[0]!.values as Uint8Array;
  const elements = sources[0]!.stride * perRow;
  const rowBytes = elements * first.BYTES_PER_ELEMENT;
  const Values = first.constructor as new (length: number) => Uint8Array;
  const out = new Values(picks.rows.length * elements);
  const aligned = (bytes: number) =>
    rowBytes % bytes === 0 && sources.every(({ values }) => (values as Buffer).byteOffset % bytes === 0);
  const Word = aligned(4) ? Uint32Array : aligned(2) ? Uint16Array : Uint8Array;
  const words = rowBytes / Word.BYTES_PER_ELEMENT;
  const view = ({ buffer, byteOffset, byteLength }: Buffer) =>
    new Word(buffer as ArrayBuffer, byteOffset, Math.floor(byteLength / Word.BYTES_PER_ELEMENT));
  const inputs = sources.map(({ values }) => view(values as Buffer));
  const target = view(out);
  const { rows, sources: from } = picks;
  for (let i = 0; i < rows.length; i++) {
    const input = inputs[from === undefined ? 0 : from[i]!]!;
    const start = rows[i]! * words;
    if (words === 1) target[i] = input[start]!;
    else if (words <= 8) for (let w = 0; w < words; w++) target[i * words + w] = input[start + w]!;
    else target.set(input.subarray(start, start + words), i * words);
  }
  return out;
}

function gatherBytes(sources: readonly Data[], picks: Picks, large: boolean) {
  const { rows, sources: from } = picks;
  const offsets = sources.map((source) => source.valueOffsets as unknown as ArrayLike<number | bigint>);
  const starts = new Float64Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    const table = offsets[from === undefined ? 0 : from[i]!]!;
    starts[i + 1] = starts[i]! + Number(table[rows[i]! + 1]!) - Number(table[rows[i]!]!);
  }
  const total = starts[rows.length]!;
  if (!large && total > 0x7fffffff) {
    throw new LanceError(
      "UNSUPPORTED",
      `a batch of text has ${total} bytes, beyond 2^31 − 1; ask for fewer rows at once`,
      {
        bytes: total,
      },
    );
  }
  const data = new Uint8Array(total);
  for (let i = 0; i < rows.length; i++) {
    const source = from === undefined ? 0 : from[i]!;
    const table = offsets[source]!;
    const values = sources[source]!.values as Uint8Array;
    data.set(values.subarray(Number(table[rows[i]!]!), Number(table[rows[i]! + 1]!)), starts[i]!);
  }
  return { data, valueOffsets: large ? BigInt64Array.from(starts, BigInt) : Int32Array.from(starts) };
}

function gatherLists(sources: readonly Data[], picks: Picks, large: boolean) {
  const { rows, sources: from } = picks;
  const offsets = new Uint32Array(rows.length + 1);
  const startOf = (source: number, row: number) => Number(sources[source]!.valueOffsets[row]!);
  let total = 0;
  for (let i = 0; i < rows.length; i++) {
    const source = from === undefined ? 0 : from[i]!;
    total += startOf(source, rows[i]! + 1) - startOf(source, rows[i]!);
    if (total > 0x7fffffff) {
      throw new LanceError("UNSUPPORTED", "a batch of lists has over 2^31 − 1 items; ask for fewer rows at once", {});
    }
    offsets[i + 1] = total;
  }
  const childRows = new Uint32Array(total);
  const childSources = from === undefined ? undefined : new Uint32Array(total);
  for (let i = 0; i < rows.length; i++) {
    const source = from === undefined ? 0 : from[i]!;
    const start = startOf(source, rows[i]!);
    for (let at = offsets[i]!; at < offsets[i + 1]!; at++) childRows[at] = start + at - offsets[i]!;
    childSources?.fill(source, offsets[i]!, offsets[i + 1]!);
  }
  const valueOffsets = large ? BigInt64Array.from(offsets, BigInt) : Int32Array.from(offsets);
  return { valueOffsets, children: { rows: childRows, sources: childSources } };
}

function gatherFixedLists(sources: readonly Data[], picks: Picks, listSize: number): Data {
  const items = sources.map((source) => source.children[0]!);
  const { typeId } = items[0]!.type as DataType;
  const plain = typeId === Type.Float || typeId === Type.Int;
  if (plain && items.every((item) => item.nullCount === 0)) {
    // Vectors move whole: one copy a row instead of one a component.
    const data = gatherFixed(items, picks, listSize);
    return makeData({
      type: items[0]!.type,
      length: picks.rows.length * listSize,
      nullCount: 0,
      data,
    } as never) as Data;
  }
  const { rows, sources: from } = picks;
  const childRows = new Uint32Array(rows.length * listSize);
  const childSources = from === undefined ? undefined : new Uint32Array(childRows.length);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < listSize; j++) childRows[i * listSize + j] = rows[i]! * listSize + j;
    childSources?.fill(from![i]!, i * listSize, (i + 1) * listSize);
  }
  return gatherData(items, { rows: childRows, sources: childSources });
}
