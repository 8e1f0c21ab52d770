import { create } from "@bufbuild/protobuf";
import { type Data, type DataType, Type } from "apache-arrow";
import {
  type Transaction_KeyExistenceFilter,
  Transaction_KeyExistenceFilterSchema,
} from "../../proto/gen/lance/transaction_pb.ts";
import { hashXx64 } from "./xx-hash.ts";

/** Native's one configuration; filters of another cannot be compared. */
const NUM_ITEMS = 8192n;
const PROBABILITY = 0.00057;
/** The size native derives from the two. */
const NUM_BLOCKS = 1024;
const BLOCK_BYTES = 32;

/** Odd multipliers of the split block filter (Parquet format, BloomFilter.md). */
const SALT = [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31] as const;

/**
 * The primary keys of rows an update inserts, as a split block bloom filter that goes with the transaction: of two
 * writers that insert one key, the second sees the first's and computes again. Keys of types native does not track
 * leave no trace.
 */
export class KeyFilter {
  readonly #fieldIds: readonly number[];
  readonly #words = new Uint32Array((NUM_BLOCKS * BLOCK_BYTES) / 4);

  /** @param fieldIds fields of the key, in its order */
  constructor(fieldIds: readonly number[]) {
    this.#fieldIds = fieldIds;
  }

  /** Adds the key of every row; rows with a null in their key have none. */
  addRows(columns: readonly Data[], numRows: number): void {
    const readers = columns.map(createBytesReader);
    for (let row = 0; row < numRows; row++) {
      const parts = readers.map((read) => read(row));
      if (parts.some((part) => part === null)) continue;
      this.#add(hashXx64(parts.length === 1 ? parts[0]! : joinParts(parts as Uint8Array[])));
    }
  }

  toMessage(): Transaction_KeyExistenceFilter {
    const bitmap = new Uint8Array(NUM_BLOCKS * BLOCK_BYTES);
    const view = new DataView(bitmap.buffer);
    for (let i = 0; i < this.#words.length; i++) view.setUint32(i * 4, this.#words[i]!, true);
    return create(Transaction_KeyExistenceFilterSchema, {
      fieldIds: [...this.#fieldIds],
      data: {
        case: "bloom",
        value: { bitmap, numBits: bitmap.length * 8, numberOfItems: NUM_ITEMS, probability: PROBABILITY },
      },
    });
  }

  #add(hash: bigint): void {
    const block = Number(((hash >> 32n) * BigInt(NUM_BLOCKS)) >> 32n);
    const low = Number(hash & 0xffffffffn);
    for (let word = 0; word < 8; word++) {
      this.#words[block * 8 + word]! |= 1 << (Math.imul(low, SALT[word]!) >>> 27);
    }
  }
}

type BytesReader = (row: number) => Uint8Array | null;

/** A value as native hashes it: integers as 64-bit little-endian, text and bytes as they are; others not at all. */
function createBytesReader(data: Data): BytesReader {
  const type = data.type as DataType & { readonly bitWidth: number; readonly isSigned: boolean };
  const { nullBitmap, offset, nullCount } = data;
  const isNull = (row: number): boolean => {
    if (nullCount === 0 || nullBitmap === undefined || nullBitmap.length === 0) return false;
    return ((nullBitmap[(offset + row) >> 3]! >> ((offset + row) & 7)) & 1) === 0;
  };
  switch (type.typeId) {
    case Type.Int: {
      if (type.bitWidth < 32) return () => null;
      const values = data.values as unknown as ArrayLike<number | bigint>;
      return (row) => {
        if (isNull(row)) return null;
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setBigInt64(0, BigInt(values[row]!), true);
        return bytes;
      };
    }
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary: {
      const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
      const values = data.values as Uint8Array;
      return (row) => (isNull(row) ? null : values.subarray(Number(offsets[row]!), Number(offsets[row + 1]!)));
    }
    default:
      return () => null;
  }
}

/** Each part and a zero. */
function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length + 1, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length + 1;
  }
  return joined;
}
