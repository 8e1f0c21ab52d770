import { type Dataset, initGlobalPool, isLanceError, LanceError, openDataset } from "lancelet";

/** Not run: it must compile against the packed package's declarations. */
export async function readTen(uri: string): Promise<number> {
  const pool = initGlobalPool({ numWorkers: 2 });
  try {
    const dataset: Dataset = await openDataset(uri, { version: 1 });
    const q = new Float32Array(128);
    const table = await dataset.scanner({ columns: ["name"], nearest: { column: "vector", q, k: 10 } }).toTable();
    // @ts-expect-error a column is named by a string
    dataset.scanner({ columns: [1] });
    return table.numRows;
  } catch (error) {
    if (isLanceError(error, "NOT_FOUND")) return error.details.count as number;
    throw new LanceError("IO", "could not read", {}, { cause: error });
  } finally {
    await pool.close();
  }
}
