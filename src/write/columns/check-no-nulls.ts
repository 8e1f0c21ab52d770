import { type Data, Type } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { readDeletions } from "../../table/deletions/deletions.ts";
import { scanFragment } from "../../table/rows/scan-fragment.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { findLiveRows, keepLiveRows } from "./spread-rows.ts";

/**
 * Reads one column of every live row.
 * @param chain the field, after those it lies in; a null there is a null here
 * @throws INVALID_ARGUMENT when it holds a null
 */
export async function checkNoNulls(
  snapshot: Snapshot,
  chain: readonly LanceField[],
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const cut = chain.reduceRight<LanceField | undefined>(
    (child, field) => (child === undefined ? field : { ...field, children: [child] }),
    undefined,
  )!;
  for (const fragment of snapshot.fragments) {
    const deleted = await readDeletions(snapshot, fragment, signal);
    let start = 0;
    for await (const batch of scanFragment(snapshot, fragment, [cut], { kind: "all" }, { signal })) {
      const live = findLiveRows(deleted, start, batch.numRows);
      start += batch.numRows;
      let data: Data | undefined = keepLiveRows(batch, live).data.children[0];
      for (let depth = 0; depth < chain.length && data !== undefined; depth++, data = data.children[0]) {
        if (data.nullCount === 0 && !(data.typeId === Type.Null && data.length > 0)) continue;
        throw new LanceError(
          "INVALID_ARGUMENT",
          `alterColumns: "${path}" holds nulls and cannot be made not nullable; update those rows first`,
          { column: path, fragmentId: fragment.id },
        );
      }
    }
  }
}
