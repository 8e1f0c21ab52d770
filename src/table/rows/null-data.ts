import { type Data, type DataType, makeData, Type } from "apache-arrow";

/** An array of nulls, its buffers as long as any reader of the type may look. */
export function createNullData(type: DataType, length: number): Data {
  const base = { type, length, nullCount: length, nullBitmap: new Uint8Array(Math.ceil(length / 64) * 8) };
  const make = (buffers: object) => makeData({ ...base, ...buffers } as never) as Data;
  const children = type.children ?? [];
  switch (type.typeId) {
    case Type.Null:
      return makeData({ type, length } as never) as Data;
    case Type.Bool:
      return make({ data: new Uint8Array(Math.ceil(length / 64) * 8) });
    case Type.Utf8:
    case Type.Binary:
      return make({ data: new Uint8Array(0), valueOffsets: new Int32Array(length + 1) });
    case Type.LargeUtf8:
    case Type.LargeBinary:
      return make({ data: new Uint8Array(0), valueOffsets: new BigInt64Array(length + 1) });
    case Type.List:
    case Type.Map:
      return make({ valueOffsets: new Int32Array(length + 1), child: createNullData(children[0]!.type, 0) });
    case Type.LargeList:
      return make({ valueOffsets: new BigInt64Array(length + 1), child: createNullData(children[0]!.type, 0) });
    case Type.FixedSizeList: {
      const items = length * (type as DataType & { listSize: number }).listSize;
      return make({ child: createNullData(children[0]!.type, items) });
    }
    case Type.Struct:
      return make({ children: children.map((child) => createNullData(child.type, length)) });
    default: {
      const { stride } = makeData({ type, length: 0 } as never) as Data;
      const Values = type.ArrayType as new (length: number) => ArrayBufferView;
      return make({ data: new Values(length * stride) });
    }
  }
}
