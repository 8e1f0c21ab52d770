import { type Data, makeData } from "apache-arrow";
import type { LanceField } from "../../format/schema.ts";
import type { Fragment } from "../fragment.ts";
import type { Snapshot } from "../snapshot.ts";
import { arrowSchemaOf } from "./record-batches.ts";
import { streamFixedRows } from "./stream-fixed.ts";

/** From so many bytes in a fragment on, buffers of its own are worth it. */
const LEAST_BYTES = 4 << 20;

/** The parts of an Arrow type that tell how wide its values are. */
interface FixedType {
  readonly listSize?: number;
  readonly children?: readonly { readonly type: { readonly ArrayType?: ViewType } }[] | null;
}

type ViewType = {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
  readonly BYTES_PER_ELEMENT: number;
};

/**
 * Rows of a fragment's column of fixed-size lists, those that are deleted too, in memory that is used again: what is
 * given is valid until the next is asked for.
 * @param options.batchRows most rows at a time
 * @returns nothing for another column, a small one, or where batches serve better, see {@link streamFixedRows}
 * @throws CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function streamColumn(
  snapshot: Snapshot,
  { id }: Fragment,
  options: {
    readonly field: LanceField;
    readonly batchRows: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<AsyncGenerator<Data, void, undefined> | undefined> {
  const { field, batchRows, signal } = options;
  const { type } = arrowSchemaOf([field]).fields[0]!;
  const { listSize, children } = type as FixedType;
  const itemType = children?.[0]?.type;
  const Items = itemType?.ArrayType;
  if (listSize === undefined || !Items) return undefined;
  const itemBytes = Items.BYTES_PER_ELEMENT;
  const rowBytes = listSize * itemBytes;
  const blocks = await streamFixedRows(snapshot, [id], { field, rowBytes, leastBytes: LEAST_BYTES, signal });
  return blocks && cutBlocks();

  async function* cutBlocks(): AsyncGenerator<Data, void, undefined> {
    for await (const { numRows, bytes } of blocks!) {
      // A cache may give bytes that lie anywhere.
      const { buffer, byteOffset } = bytes.byteOffset % itemBytes === 0 ? bytes : bytes.slice();
      for (let row = 0; row < numRows; row += batchRows) {
        const length = Math.min(batchRows, numRows - row);
        const data = new Items!(buffer, byteOffset + row * rowBytes, length * listSize!);
        const items = makeData({ type: itemType, length: length * listSize!, nullCount: 0, data } as never);
        yield makeData({ type, length, nullCount: 0, child: items } as never) as Data;
      }
    }
  }
}
