import { create } from "@bufbuild/protobuf";
import { type ArrayEncoding, type Buffer as BufferRef, FlatSchema } from "../../../proto/gen/lance/encodings20_pb.ts";
import { type ArrayNode, corruptArray, type NodeContext } from "./array-node.ts";
import { createFlatNode } from "./fixed-nodes.ts";

/** Rows of a packed struct as values as wide as all its fields: the encodings of the fields say how wide. */
export function createPackedNode(
  context: NodeContext,
  buffer: BufferRef | undefined,
  fields: readonly ArrayEncoding[],
): ArrayNode {
  const bits = fields.reduce((sum, field) => sum + countBits(context, field, 0), 0n);
  return createFlatNode(context, create(FlatSchema, { bitsPerValue: bits, ...(buffer ? { buffer } : {}) }));
}

function countBits(context: NodeContext, encoding: ArrayEncoding | undefined, depth: number): bigint {
  const node = encoding?.arrayEncoding;
  if (depth < 8) {
    if (node?.case === "flat") return node.value.bitsPerValue;
    if (node?.case === "fixedSizeList") {
      return BigInt(node.value.dimension) * countBits(context, node.value.items, depth + 1);
    }
    if (node?.case === "nullable" && node.value.nullability.case === "noNulls") {
      return countBits(context, node.value.nullability.value.values, depth + 1);
    }
  }
  throw corruptArray(context, `a packed struct with a field stored as ${node?.case}`);
}
