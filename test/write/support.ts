import { Scanner, type ScannerEnvironment } from "../../src/query/scanner.ts";
import type { Store } from "../../src/store/store.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";

export const ENVIRONMENT: ScannerEnvironment = { pool: undefined, memoryBudgetBytes: 64 * 1024 * 1024 };

/** All rows of a version as plain objects, in table order. */
export async function readRows<T = Record<string, unknown>>(
  snapshot: Snapshot,
  options: ConstructorParameters<typeof Scanner>[1] = {},
): Promise<T[]> {
  const table = await new Scanner(snapshot, options, ENVIRONMENT).toTable();
  return table.toArray().map((row) => row.toJSON() as T);
}

export async function listPaths(store: Store, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths.sort();
}
