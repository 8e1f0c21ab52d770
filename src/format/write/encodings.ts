import { create } from "@bufbuild/protobuf";
import {
  type CompressiveEncoding,
  CompressiveEncodingSchema,
  type PageLayout,
} from "../../proto/gen/lance/encodings21_pb.ts";

/** One page, ready to be laid into a file. Buffers may be views of the column's memory. */
export interface EncodedPage {
  readonly numRows: number;
  readonly buffers: readonly Uint8Array[];
  readonly layout: PageLayout;
}

/** Says "plain values of this many bits". */
export function flat(bits: number): CompressiveEncoding {
  return create(CompressiveEncodingSchema, { compression: { case: "flat", value: { bitsPerValue: BigInt(bits) } } });
}

/** Says "offsets of this many bits, then bytes". */
export function variable(offsetBits: number): CompressiveEncoding {
  return create(CompressiveEncodingSchema, { compression: { case: "variable", value: { offsets: flat(offsetBits) } } });
}

/** Says "this many of these in a row, after their validity bits if there are any". */
export function fixedSizeList(
  values: CompressiveEncoding,
  { dimension, hasValidity }: { dimension: number; hasValidity: boolean },
): CompressiveEncoding {
  return create(CompressiveEncodingSchema, {
    compression: { case: "fixedSizeList", value: { itemsPerValue: BigInt(dimension), hasValidity, values } },
  });
}
