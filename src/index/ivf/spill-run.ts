import { LanceError } from "../../errors.ts";
import type { StoreWriter } from "../../store/store.ts";
import type { SegmentWriter } from "../segment.ts";
import type { PartitionRun } from "./partition-run.ts";
import { RowWindow } from "./stored-rows.ts";

/** Bytes collected before a write: partitions of one run are small. */
const WRITE_BYTES = 1 << 20;

/**
 * Writes a run as one scratch file in partition order: per partition its row ids, then its rows, in the host's byte
 * order (only this attempt reads it).
 */
export async function spillRun(
  run: PartitionRun,
  options: {
    readonly rowBytes: number;
    readonly scratch: SegmentWriter["scratch"];
    readonly name: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<PartitionRun> {
  const { rowBytes, scratch, name, signal } = options;
  const { lengths } = run;
  const path = scratch.path(name);
  const writer = await scratch.store.createWriter(path, { signal });
  const buffered = createBufferedWriter(writer);
  const window = new RowWindow(rowBytes);
  const offsets = new Float64Array(lengths.length + 1);
  try {
    for (const [partition, numRows] of lengths.entries()) {
      const rows = window.take(numRows);
      for (const piece of await run.read(partition, partition + 1)) piece.copyTo(rows, 0);
      await buffered.write(rows.rowIds);
      await buffered.write(rows.values);
      offsets[partition + 1] = offsets[partition]! + numRows * (8 + rowBytes);
    }
    await buffered.flush();
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  let buffer = new Uint8Array(0);
  return {
    lengths,
    async read(from, to) {
      const offset = offsets[from]!;
      const length = offsets[to]! - offset;
      const bytes = length === 0 ? new Uint8Array(0) : await readScratch(offset, length);
      return Array.from(lengths.subarray(from, to), (numRows, i) => {
        const start = offsets[from + i]! - offset;
        const ids = bytes.subarray(start, start + numRows * 8);
        const values = bytes.subarray(start + numRows * 8, start + numRows * (8 + rowBytes));
        return {
          numRows,
          copyTo(into, row) {
            const { buffer, byteOffset } = into.rowIds;
            new Uint8Array(buffer, byteOffset + row * 8, ids.length).set(ids);
            into.values.set(values, row * rowBytes);
          },
        };
      });
    },
  };

  async function readScratch(offset: number, length: number): Promise<Uint8Array> {
    if (buffer.length < length) buffer = new Uint8Array(length);
    const read = await scratch.store.get(path, { offset, length }, { signal, transient: true, into: buffer });
    if (read?.bytes.length === length) return read.bytes;
    throw new LanceError("IO", `scratch file ${path} is gone or short: run the build again`, { path });
  }
}

function createBufferedWriter(writer: StoreWriter): {
  write(view: ArrayBufferView): Promise<void>;
  flush(): Promise<void>;
} {
  const buffer = new Uint8Array(WRITE_BYTES);
  let filled = 0;
  const flush = async (): Promise<void> => {
    if (filled > 0) await writer.write(buffer.subarray(0, filled));
    filled = 0;
  };
  return {
    flush,
    async write(view) {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      for (let at = 0; at < bytes.length; ) {
        const take = Math.min(bytes.length - at, buffer.length - filled);
        buffer.set(bytes.subarray(at, at + take), filled);
        filled += take;
        at += take;
        if (filled === buffer.length) await flush();
      }
    },
  };
}
