import { type Data, makeData } from "apache-arrow";
import type { LanceField } from "../../format/schema.ts";
import { arrowSchemaOf } from "./record-batches.ts";

/** The parts of an Arrow type that tell how wide its values are. */
interface FixedType {
  readonly listSize?: number;
  readonly children?: readonly { readonly type: { readonly ArrayType?: ViewType } }[] | null;
}

type ViewType = {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
  readonly BYTES_PER_ELEMENT: number;
};

/** A column of lists of one length, none of them null. */
export interface FixedList {
  readonly rowBytes: number;
  readonly itemBytes: number;
  /** Rows as they lie in memory, as an Arrow array. No copy. */
  view(buffer: ArrayBufferLike, byteOffset: number, length: number): Data;
}

/** @returns nothing for another column */
export function findFixedList(field: LanceField): FixedList | undefined {
  const { type } = arrowSchemaOf([field]).fields[0]!;
  const { listSize, children } = type as FixedType;
  const itemType = children?.[0]?.type;
  const Items = itemType?.ArrayType;
  if (listSize === undefined || !Items) return undefined;
  const itemBytes = Items.BYTES_PER_ELEMENT;
  return {
    rowBytes: listSize * itemBytes,
    itemBytes,
    view(buffer, byteOffset, length) {
      const data = new Items(buffer, byteOffset, length * listSize);
      const items = makeData({ type: itemType, length: length * listSize, nullCount: 0, data } as never);
      return makeData({ type, length, nullCount: 0, child: items } as never) as Data;
    },
  };
}
