import { LanceError, throwIfAborted } from "../errors.ts";
import type { LanceSchema } from "../format/schema.ts";
import { createLanceFileWriter } from "../format/write/create-file-writer.ts";
import type { LanceFileWriter } from "../format/write/file-writer.ts";
import type { Store } from "../store/store.ts";
import { settleAll } from "../tasks/settle-all.ts";
import type { IndexFile, SegmentWriter } from "./segment.ts";
import { getSegmentDirectory } from "./segment-path.ts";

/**
 * Opens the directory of a new segment for writing. Until a commit names it, nothing reads it: an attempt that dies
 * leaves invisible debris.
 */
export function createSegmentWriter(store: Store, uuid: string, signal?: AbortSignal): SegmentWriter {
  const directory = getSegmentDirectory(uuid);
  const scratchPrefix = `${directory}/scratch/`;
  const open = new Map<string, LanceFileWriter>();
  const finished: IndexFile[] = [];

  const scratchPaths = new Set<string>();
  const clearScratch = async (): Promise<void> => {
    await settleAll([...scratchPaths].map((path) => store.delete(path)));
    scratchPaths.clear();
  };
  const nameScratch = (name: string): string => {
    const path = `${scratchPrefix}${name}`;
    scratchPaths.add(path);
    return path;
  };

  return {
    uuid,
    scratch: { store, path: nameScratch },
    async createFile(path: string, schema: LanceSchema, metadata: Record<string, string> = {}) {
      throwIfAborted(signal);
      if (open.has(path) || finished.some((file) => file.path === path)) {
        throw new LanceError("ALREADY_EXISTS", `segment ${uuid} already has a file ${path}`, { uuid, path });
      }
      const writer = await createLanceFileWriter(store, `${directory}/${path}`, {
        schema,
        metadata,
        version: "2.1",
        signal,
      });
      open.set(path, writer);
      return {
        get numRows() {
          return writer.numRows;
        },
        get sizeBytes() {
          return writer.sizeBytes;
        },
        async write(batch) {
          throwIfAborted(signal);
          await writer.write(batch);
        },
        addGlobalBuffer: (bytes) => writer.addGlobalBuffer(bytes),
        setMetadata: (key, value) => writer.setMetadata(key, value),
        async finish() {
          throwIfAborted(signal);
          const written = await writer.finish();
          open.delete(path);
          finished.push({ path, sizeBytes: written.sizeBytes });
          return written;
        },
        async abort() {
          open.delete(path);
          await writer.abort();
        },
      };
    },
    async finish() {
      throwIfAborted(signal);
      if (open.size > 0) {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `segment ${uuid} has unfinished files: ${[...open.keys()].join(", ")}`,
          {
            uuid,
            files: [...open.keys()],
          },
        );
      }
      await clearScratch();
      return finished.sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    async abort() {
      const writers = [...open.values()];
      open.clear();
      await Promise.allSettled([
        ...writers.map((writer) => writer.abort()),
        ...finished.map((file) => store.delete(`${directory}/${file.path}`)),
        clearScratch(),
      ]);
    },
  };
}
