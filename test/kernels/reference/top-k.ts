/** What a best-k keeps of rows with these distances. */
export function referenceTopK(
  rows: readonly { readonly rowId: bigint; readonly distance: number; readonly allowed: boolean }[],
  options: { readonly k: number; readonly lower?: number | undefined; readonly upper?: number | undefined },
): { rowId: bigint; distance: number }[] {
  const { k, lower = Number.NEGATIVE_INFINITY, upper } = options;
  return rows
    .filter((row) => row.allowed && row.distance >= lower && (upper === undefined || row.distance < upper))
    .map(({ rowId, distance }) => ({ rowId, distance: distance + 0 }))
    .sort((a, b) => a.distance - b.distance || (a.rowId < b.rowId ? -1 : a.rowId > b.rowId ? 1 : 0))
    .slice(0, k);
}
