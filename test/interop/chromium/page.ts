import { clearGlobalPool, createOpfsStore, initGlobalPool, writeDataset } from "lancelet";
import { makeRows, SCHEMA } from "../../dataset/rows.ts";

/** One file of a table, for the test to write to disk. */
export interface ExportedFile {
  readonly path: string;
  readonly base64: string;
}

function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** Writes a table of `rows` rows into OPFS, deletes some, indexes it on two workers, and reads all its files back. */
async function writeAndExport(rows: number, metric: string): Promise<ExportedFile[]> {
  const store = createOpfsStore(`table-${metric}.lance`);
  initGlobalPool({ numWorkers: 2 });
  const dataset = await writeDataset(makeRows(0, rows), store, { schema: SCHEMA, maxRowsPerFile: Math.ceil(rows / 4) });
  await dataset.createIndex("vector", "IVF_FLAT", { name: "v_idx", metric, numPartitions: 4, numWorkers: 2 });
  await dataset.createScalarIndex("size", "BTREE", { name: "size_idx", numWorkers: 2 });
  await dataset.createScalarIndex("name", "BTREE", { name: "name_idx", numWorkers: 2 });
  await dataset.delete("id % 10 = 3");
  await clearGlobalPool();
  const files: ExportedFile[] = [];
  for await (const { path } of store.list("")) {
    const object = await store.get(path);
    files.push({ path, base64: encodeBase64(object!.bytes) });
  }
  return files;
}

Object.assign(globalThis, { writeAndExport });
