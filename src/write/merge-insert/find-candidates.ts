import { Type } from "apache-arrow";
import { toArrowType } from "../../format/arrow-schema.ts";
import type { LanceField } from "../../format/schema.ts";
import { loadCatalog } from "../../query/catalog.ts";
import { findMatches, type ScannerEnvironment } from "../../query/scanner.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import type { SourceRows } from "./held-source.ts";
import type { SourceIndex } from "./source-index.ts";

/** Above this a scan of the key column costs less than asking for each key. */
const MAX_KEYS = 4096;

/**
 * Rows of the table that may have a key of the source, found by a scalar index on the key.
 * @returns physical offsets by fragment, or `null` where a scan of the key column is as good: no such index, a key of
 *   several columns or another type than integers and text, or many keys
 */
export async function findCandidates(
  snapshot: Snapshot,
  keyFields: readonly LanceField[],
  source: { readonly index: SourceIndex; readonly rows: SourceRows; readonly keyColumn: number },
  environment: ScannerEnvironment,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, Uint32Array> | null> {
  const [field, ...more] = keyFields;
  const { index, rows, keyColumn } = source;
  if (field === undefined || more.length > 0 || index.numKeys === 0 || index.numKeys > MAX_KEYS) return null;
  const { typeId } = toArrowType(field);
  if (typeId !== Type.Int && typeId !== Type.Utf8 && typeId !== Type.LargeUtf8) return null;
  const { indices } = await loadCatalog(snapshot);
  const isIndexed = indices.some(
    (candidate) =>
      candidate.family.queryKind === "scalar" && candidate.field.id === field.id && candidate.coverage.size > 0,
  );
  if (!isIndexed) return null;
  const values = rows.read(keyColumn, index.firstRows());
  const list = values.map((value) => (typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value)));
  return findMatches(snapshot, `\`${field.name}\` IN (${list.join(", ")})`, environment, signal);
}
