import { LanceError } from "../../errors.ts";
import type { ArrowData } from "./arrow-data.ts";
import { packNulls, readNulls, toPlainValues } from "./plain-values.ts";

const BYTES = { kind: "variable", offsetBits: 64 } as const;

/**
 * The bytes of a blob column: of a column of bytes, or of the `data` of structs of `data` and `uri`, as native's
 * `blob_array` makes them. A struct of two nulls is null.
 * @throws UNSUPPORTED for blobs that are only named by a URI
 */
export function normalizeBlobs(path: string, data: ArrowData): ArrowData {
  if (data.type.typeId !== 13) return toPlainValues(data, BYTES);
  const names = data.type.children?.map((child) => child.name) ?? [];
  const nulls = readNulls(data);
  const uri = data.children[names.indexOf("uri")];
  if (uri) {
    const named = readNulls(uri).findIndex((isNull, row) => isNull === 0 && nulls[row] === 0);
    if (named >= 0) {
      throw new LanceError(
        "UNSUPPORTED",
        `column "${path}", row ${named} of the batch: a blob that is only named by a URI cannot be stored; give its bytes as data`,
        { field: path, row: named },
      );
    }
  }
  const bytes = toPlainValues(data.children[names.indexOf("data")]!, BYTES);
  const missing = readNulls(bytes);
  for (let row = 0; row < nulls.length; row++) if (missing[row] === 1) nulls[row] = 1;
  const { values, valueOffsets } = bytes;
  return { type: bytes.type, length: data.length, offset: 0, ...packNulls(nulls), values, valueOffsets, children: [] };
}
