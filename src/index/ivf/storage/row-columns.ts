import { type FixedSizeList, Float32, makeData, type Schema, Uint64 } from "apache-arrow";
import { LanceError } from "../../../errors.ts";
import { toArrowSchema } from "../../../format/arrow-schema.ts";
import type { FileColumn } from "../../../format/read/file.ts";
import type { LanceSchema } from "../../../format/schema.ts";
import { createGiveWay } from "../../../tasks/give-way.ts";
import { createBatch, createIndexField } from "../../file-batch.ts";
import { nameVectorType } from "../../vector-type.ts";
import type { StoredRows } from "../stored-rows.ts";
import { findColumns } from "./find-columns.ts";
import type { ListColumn } from "./list-column.ts";

/** One column of a storage file: some bytes a row, or one f32. */
export type RowColumn =
  | { readonly name: string; readonly kind: "bytes"; readonly width: number; readonly older?: OlderColumn }
  | { readonly name: string; readonly kind: "f32" };

/** Converting them is short. */
const CONVERTED_ROWS = 1024;

/** What files have in place of a column that their writers did not know. Read, never written. */
export interface OlderColumn {
  readonly name: string;
  readonly width: number;
  /** Rows of its width as rows of the column's. */
  convert(bytes: Uint8Array, numRows: number): Uint8Array;
}

/** Where a column lies in a row. */
interface PlacedColumn {
  readonly offset: number;
  readonly width: number;
}

/**
 * A storage file of row ids and several columns that lie side by side in a row, in the order given. Files may have them
 * in any order, and others beside them. Reading and writing copies each value once.
 */
export function createRowColumns(columns: readonly RowColumn[]): ListColumn {
  const typed = columns.map((column) => ({
    column,
    width: column.kind === "f32" ? 4 : column.width,
    logicalType: column.kind === "f32" ? "float" : nameVectorType({ element: "u8", dimension: column.width }),
  }));
  const rowBytes = typed.reduce((sum, { width }) => sum + width, 0);
  const placed: PlacedColumn[] = [];
  for (const { width } of typed) {
    const last = placed.at(-1);
    placed.push({ offset: last ? last.offset + last.width : 0, width });
  }
  const schema: LanceSchema = {
    fields: [
      createIndexField(0, "_rowid", "uint64", true),
      ...typed.map(({ column, logicalType }, i) => createIndexField(i + 1, column.name, logicalType, true)),
    ],
    metadata: {},
  };
  const arrowSchema: Schema = toArrowSchema(schema);
  const expected = schema.fields.map(({ name, logicalType }, i) => {
    const column = columns[i - 1];
    const older = column?.kind === "bytes" ? column.older : undefined;
    const names = [`${name}: ${logicalType}`];
    if (older) names.push(`${older.name}: ${nameVectorType({ element: "u8", dimension: older.width })}`);
    return names;
  });
  return {
    schema,
    rowBytes,
    createBatch({ values, rowIds }) {
      const length = rowIds.length;
      const ids = makeData({ type: new Uint64(), length, nullCount: 0, data: rowIds });
      const lists = placed.map(({ offset, width }, i) => {
        const bytes = new Uint8Array(length * width);
        copyParts(length, width, {
          from: values,
          fromAt: offset,
          fromStep: rowBytes,
          to: bytes,
          toAt: 0,
          toStep: width,
        });
        const type = arrowSchema.fields[i + 1]!.type;
        if (columns[i]!.kind === "f32") {
          return makeData({ type: new Float32(), length, nullCount: 0, data: new Float32Array(bytes.buffer) });
        }
        const itemType = (type as FixedSizeList).children[0]!.type;
        const items = makeData({ type: itemType, length: bytes.length, nullCount: 0, data: bytes } as never);
        return makeData({ type, length, nullCount: 0, child: items } as never);
      });
      return createBatch(arrowSchema, length, [ids, ...lists] as never);
    },
    async *readBatches(file, ranges, signal) {
      const found = findColumns(file, expected);
      const selected = ranges.filter(([start, end]) => end > start);
      if (selected.length === 0) return;
      let missing = selected.reduce((sum, [start, end]) => sum + end - start, 0);
      const isOlder = columns.some((column, i) => getOlder(column, found[i + 1]!));
      const options = { signal, borrow: true, batchRows: isOlder ? CONVERTED_ROWS : undefined };
      const giveWay = createGiveWay(signal);
      for await (const batch of file.read(found, { kind: "ranges", ranges: selected }, options)) {
        const length = batch.numRows;
        missing -= length;
        const [ids, ...parts] = batch.data.children;
        const values = new Uint8Array(length * rowBytes);
        for (const [i, { offset, width }] of placed.entries()) {
          const part = parts[i]!;
          const source = (columns[i]!.kind === "f32" ? part.values : part.children[0]!.values) as ArrayBufferView;
          const older = getOlder(columns[i]!, found[i + 1]!);
          const stored = new Uint8Array(source.buffer, source.byteOffset, length * (older?.width ?? width));
          const from = older ? older.convert(stored, length) : stored;
          copyParts(length, width, { from, fromAt: 0, fromStep: width, to: values, toAt: offset, toStep: rowBytes });
        }
        yield { rowIds: (ids!.values as BigUint64Array).subarray(0, length), values } satisfies StoredRows;
        const pause = isOlder ? giveWay() : undefined;
        if (pause) await pause;
      }
      if (missing !== 0) {
        throw new LanceError("CORRUPT", `${file.path}: ${missing} rows are missing from it`, { path: file.path });
      }
    },
  };
}

function getOlder(column: RowColumn, { field }: FileColumn): OlderColumn | undefined {
  return column.kind === "bytes" && column.older?.name === field.name ? column.older : undefined;
}

/** Bytes of rows from one place to another, in words where all of them lie on such. */
function copyParts(
  numRows: number,
  width: number,
  places: {
    readonly from: Uint8Array;
    readonly fromAt: number;
    readonly fromStep: number;
    readonly to: Uint8Array;
    readonly toAt: number;
    readonly toStep: number;
  },
): void {
  const { from, to, fromAt, fromStep, toAt, toStep } = places;
  const all = width | fromAt | fromStep | toAt | toStep | from.byteOffset | to.byteOffset;
  const isWords = (all & 3) === 0 && ((from.length | to.length) & 3) === 0;
  const unit = isWords ? 4 : 1;
  const [source, target] = isWords
    ? [
        new Uint32Array(from.buffer, from.byteOffset, from.length / 4),
        new Uint32Array(to.buffer, to.byteOffset, to.length / 4),
      ]
    : [from, to];
  const [count, sourceStep, targetStep] = [width / unit, fromStep / unit, toStep / unit];
  let [sourceRow, targetRow] = [fromAt / unit, toAt / unit];
  for (let row = 0; row < numRows; row++) {
    for (let i = 0; i < count; i++) target[targetRow + i] = source[sourceRow + i]!;
    sourceRow += sourceStep;
    targetRow += targetStep;
  }
}
