import { type Dataset, isLanceError, openDataset, openStore, writeDataset } from "lancelet";
import { COMMITS, commitRows, firstRow, type History, readHistory } from "../../conformance/interleaved.ts";
import { firstRows, type ModelVersion, type WriterLog } from "../../conformance/model-history.ts";
import { readModelVersions } from "../../conformance/model-versions.ts";
import { MODEL_SCHEMA, type ModelWriterOptions, runModelWriter, toModelTable } from "../../conformance/model-writer.ts";

/** An error in plain values, so that it can leave the page. */
export interface PlainError {
  readonly error: string;
  readonly code: string;
  readonly offline: boolean;
}

/** What a table answered, or why it did not. */
export type Answer =
  | { readonly version: number; readonly offline: boolean; readonly values: readonly string[] }
  | PlainError;

/** How a page asks a remote table. */
export interface Question {
  readonly url: string;
  readonly version?: number;
  readonly column: string;
  readonly rowId?: number;
  readonly filter?: string;
  readonly cache?: boolean | { maxBytes?: number; name?: string };
}

const heard: number[] = [];
let watched: Dataset | undefined;

const api = {
  createTable: async (uri: string): Promise<void> => {
    await (await writeDataset([firstRow], uri)).close();
  },
  async commitMany(uri: string, writer: string, count = COMMITS): Promise<number> {
    const dataset = await openDataset(uri);
    await commitRows(dataset, writer, count);
    await dataset.close();
    return dataset.version;
  },
  async readHistory(uri: string): Promise<History> {
    const dataset = await openDataset(uri);
    const history = await readHistory(dataset);
    await dataset.close();
    return history;
  },
  async createModelTable(uri: string, enableStableRowIds: boolean, dataStorageVersion: string): Promise<void> {
    const options = { schema: MODEL_SCHEMA, maxRowsPerFile: 10, enableStableRowIds, dataStorageVersion };
    await (await writeDataset(toModelTable(firstRows), uri, options)).close();
  },
  async runModel(uri: string, options: ModelWriterOptions): Promise<WriterLog> {
    const dataset = await openDataset(uri, { version: 1 });
    const log = await runModelWriter(dataset, options);
    await dataset.close();
    return log;
  },
  /** The same in a worker of this page. */
  runModelInWorker: (uri: string, options: ModelWriterOptions): Promise<WriterLog> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("./model-worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }: MessageEvent<WriterLog | string>) => {
        worker.terminate();
        if (typeof data === "string") reject(new Error(data));
        else resolve(data);
      };
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ uri, ...options });
    }),
  async readModel(uri: string): Promise<ModelVersion[]> {
    const dataset = await openDataset(uri);
    const versions = await readModelVersions(dataset);
    await dataset.close();
    return versions;
  },
  async startWatch(uri: string): Promise<void> {
    const dataset = await openDataset(uri);
    watched = dataset;
    void (async () => {
      for await (const version of dataset.watch()) {
        heard.push(version);
        await dataset.checkoutLatest();
      }
    })();
  },
  heard: (): { versions: number[]; at: number | undefined } => ({ versions: heard, at: watched?.version }),
  async stopWatch(): Promise<void> {
    await watched?.close();
  },
  /** Opens, asks, closes; everything kept is on the device then. */
  async ask(question: Question): Promise<Answer> {
    const { url, version, column, rowId, filter, cache } = question;
    try {
      const storageOptions = cache === undefined ? {} : { persistentCache: cache };
      const dataset = await openDataset(url, { version, storageOptions, cacheBytes: 0 });
      const columns = [column];
      const table =
        rowId === undefined ? await dataset.toTable({ columns, filter }) : await dataset.takeRows([rowId], { columns });
      await dataset.close();
      const values = Array.from(table.getChild(column)!, String);
      return { version: dataset.version, offline: dataset.offline, values };
    } catch (error) {
      const { message } = error as Error;
      if (!isLanceError(error)) return { error: message, code: "none", offline: false };
      return { error: message, code: error.code, offline: error.details.offline === true };
    }
  },
  /** Bytes of everything in the Cache API under a name. */
  async cachedBytes(name: string): Promise<number> {
    const cache = await caches.open(name);
    let sum = 0;
    for (const request of await cache.keys()) {
      sum += (await (await cache.match(request))!.arrayBuffer()).byteLength;
    }
    return sum;
  },
  async listPaths(uri: string): Promise<string[]> {
    const store = await openStore(uri);
    const paths: string[] = [];
    for await (const { path } of store.list("")) paths.push(path);
    return paths;
  },
  /** Copies a remote table onto the device until some bytes are there, or whole. */
  async copy(url: string, target: string, stopAtBytes: number): Promise<string> {
    const dataset = await openDataset(url);
    const stop = new AbortController();
    try {
      await dataset.copyTo(await openStore(target), {
        signal: stop.signal,
        onProgress: ({ doneBytes }) => void (doneBytes >= stopAtBytes && stop.abort()),
      });
      return "whole";
    } catch (error) {
      return isLanceError(error) ? error.code : String(error);
    }
  },
};

/** What the page offers the test. */
export type PageApi = typeof api;

Object.assign(globalThis, { api });
