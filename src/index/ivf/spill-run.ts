import { LanceError } from "../../errors.ts";
import type { StoreWriter } from "../../store/store.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import type { SegmentWriter } from "../segment.ts";
import type { PartitionRun } from "./partition-run.ts";

/** Bytes collected before a write: partitions of one run are small. */
const WRITE_BYTES = 1 << 20;

/**
 * Writes runs as one scratch file in partition order: per partition its row ids, then its rows, in the host's byte
 * order (only this attempt reads it).
 */
export async function spillRuns(
  runs: readonly PartitionRun[],
  options: {
    readonly numPartitions: number;
    readonly rowBytes: number;
    readonly scratch: SegmentWriter["scratch"];
    readonly name: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<PartitionRun> {
  const { numPartitions, rowBytes, scratch, name, signal } = options;
  const path = scratch.path(name);
  const writer = await scratch.store.createWriter(path, { signal });
  const buffered = createBufferedWriter(writer);
  const lengths = new Uint32Array(numPartitions);
  const offsets = new Float64Array(numPartitions + 1);
  try {
    for (let partition = 0; partition < numPartitions; partition++) {
      const pieces = (await settleAll(runs.map((run) => run.read(partition, partition + 1)))).flat();
      for (const piece of pieces) {
        await buffered.write(piece.rowIds);
        lengths[partition]! += piece.rowIds.length;
      }
      for (const piece of pieces) await buffered.write(piece.values);
      offsets[partition + 1] = offsets[partition]! + lengths[partition]! * (8 + rowBytes);
    }
    await buffered.flush();
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return {
    lengths,
    async read(from, to) {
      const offset = offsets[from]!;
      const length = offsets[to]! - offset;
      const bytes = length === 0 ? new Uint8Array(0) : await readScratch(offset, length);
      let position = 0;
      const take = <T extends ArrayBufferView>(into: T): T => {
        new Uint8Array(into.buffer).set(bytes.subarray(position, position + into.byteLength));
        position += into.byteLength;
        return into;
      };
      return Array.from(lengths.subarray(from, to), (count) => ({
        rowIds: take(new BigUint64Array(count)),
        values: take(new Uint8Array(count * rowBytes)),
      }));
    },
  };

  async function readScratch(offset: number, length: number): Promise<Uint8Array> {
    const read = await scratch.store.get(path, { offset, length }, { signal });
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
