import type { ArrayEncoding } from "../../../proto/gen/lance/encodings20_pb.ts";
import { type ArrayNode, corruptArray, type MakeNode, type NodeContext, refuseArray } from "./array-node.ts";
import { createBinaryNode, createFixedSizeBinaryNode, createFsstNode } from "./binary-nodes.ts";
import { createDictionaryNode } from "./dictionary-node.ts";
import { createBitpackedNode, createBlockedNode, createFlatNode } from "./fixed-nodes.ts";
import { createFixedSizeListNode, createNullableNode } from "./nested-nodes.ts";

/** Encodings nest a handful of levels; anything deeper is a forged file. */
const MAX_DEPTH = 16;

/** The nodes of a page's encoding. @throws UNSUPPORTED for encodings no 2.0 writer emits, CORRUPT */
export function makeArrayNode(context: NodeContext, root: ArrayEncoding | undefined): ArrayNode {
  const makeAt =
    (depth: number): MakeNode =>
    (encoding) => {
      if (depth > MAX_DEPTH) throw corruptArray(context, `encodings nest deeper than ${MAX_DEPTH}`);
      const make = makeAt(depth + 1);
      const node = encoding?.arrayEncoding;
      switch (node?.case) {
        case "flat":
          return createFlatNode(context, node.value);
        case "nullable":
          return createNullableNode(context, node.value, make);
        case "fixedSizeList":
          return createFixedSizeListNode(context, node.value, make);
        case "binary":
          return createBinaryNode(context, node.value, make);
        case "fsst":
          return createFsstNode(context, node.value, make);
        case "fixedSizeBinary":
          return createFixedSizeBinaryNode(context, node.value, make);
        case "dictionary":
          return createDictionaryNode(context, node.value, make);
        case "bitpacked":
          return createBitpackedNode(context, node.value);
        case "bitpackedForNonNeg":
          return createBlockedNode(context, node.value);
        case undefined:
          throw corruptArray(context, "an encoding that says nothing");
        case "constant":
          throw refuseArray(context, "a constant page");
        default:
          throw corruptArray(context, `a ${node?.case} encoding, against the column's type`);
      }
    };
  return makeAt(0)(root);
}
