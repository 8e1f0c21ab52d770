import { create } from "@bufbuild/protobuf";
import { PageLayoutSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import type { PageRows } from "./column-buffer.ts";
import { type EncodePageOptions, encodePage } from "./encode-page.ts";
import type { EncodedPage } from "./encodings.ts";
import { LAYER } from "./levels.ts";
import { packedStruct, variablePackedStruct } from "./packed-struct.ts";

const POSITION_AND_SIZE = packedStruct([64, 64]);
const WHOLE_DESCRIPTOR = variablePackedStruct([
  { kind: "fixed", byteWidth: 1 },
  { kind: "fixed", byteWidth: 8 },
  { kind: "fixed", byteWidth: 8 },
  { kind: "fixed", byteWidth: 4 },
  { kind: "variable", offsetBits: 32 },
]);

/** Encodes a page of blob descriptors of version 2: packed rows, zipped. */
export function encodeBlobRows({ items, levels }: PageRows, options: EncodePageOptions): Promise<EncodedPage[]> {
  return encodePage({ ...items, layout: { description: WHOLE_DESCRIPTOR, zipped: true } }, levels, options);
}

/**
 * Encodes a page of blob descriptors of version 1: pairs without levels. A null is a blob of size 0 whose position holds
 * its definition level above 16 bits.
 */
export async function encodeBlobPage(
  { items, levels, numRows }: PageRows,
  options: EncodePageOptions,
): Promise<EncodedPage[]> {
  const { definition } = levels;
  const values = items.values.slice();
  const view = new DataView(values.buffer);
  if (definition) {
    for (let row = 0; row < numRows; row++) {
      if (definition[row] === 0) continue;
      view.setBigUint64(row * 16, BigInt(definition[row]! * 65_536), true);
      view.setBigUint64(row * 16 + 8, 0n, true);
    }
  }
  const pairs = {
    ...items,
    values,
    nulls: null,
    numNulls: 0,
    layout: { description: POSITION_AND_SIZE, zipped: false },
  };
  const inner = {
    ...levels,
    layers: [LAYER.allValidItem],
    definition: null,
    maxDefinition: 0,
    maxVisible: 0,
  };
  const pages = await encodePage(pairs, inner, options);
  return pages.map(({ layout, ...page }) => ({
    ...page,
    layout: create(PageLayoutSchema, {
      layout: { case: "blob", value: { innerLayout: layout, layers: levels.layers } },
    }),
  }));
}
