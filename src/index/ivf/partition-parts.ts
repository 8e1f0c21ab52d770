import type { CoreKernels } from "../../kernels/core.ts";
import type { CachedPart, PartLease, Parts } from "../part-cache.ts";
import type { IvfHeader } from "./header.ts";
import { loadPartition } from "./load-partition.ts";
import type { LoadedRows } from "./sub-index/sub-index.ts";

/** Independent of any version: what a version lacks is masked when it is searched. */
export interface CachedPartition extends CachedPart, LoadedRows {
  /** High half of the row ids held → the largest low half, plus one. */
  readonly extent: ReadonlyMap<number, number>;
}

/** Partitions of one search that are on loan. */
export interface LeasedGroup {
  readonly leases: ReadonlyMap<number, PartLease<CachedPartition>>;
  /** Gives back all that was not yet. */
  release(): void;
}

/** The partitions of one segment, in WASM memory among the parts of a cache. */
export interface PartitionParts {
  /** How many of the first partitions are loaded at once: at least one, all of them where they are small. */
  countLoads(partitions: Uint32Array): number;
  countBytes(partitions: Uint32Array): number;
  /**
   * What `use`, which is done at once, gives for a partition that is held; else `undefined`. Nothing else runs meanwhile,
   * so it is no more than is held anyway, and the gate need not be asked.
   */
  visit<R>(partition: number, use: (part: CachedPartition) => R): R | undefined;
  /**
   * Takes a group of partitions on loan; it is given back before the next one is asked for. Empty ones are left out.
   * @throws CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
   */
  leaseAll(partitions: Uint32Array, signal?: AbortSignal): Promise<LeasedGroup>;
}

/** Bytes of partitions that one search loads at once: their reads then become few requests. */
const LOAD_BYTES = 16 * 2 ** 20;

/** Over the parts under the keys that start with `prefix`. */
export function createPartitionParts(
  core: CoreKernels,
  header: IvfHeader,
  { parts, prefix, maxBytes }: { readonly parts: Parts; readonly prefix: string; readonly maxBytes: number },
): PartitionParts {
  const { lengths } = header;
  /** Of partitions that were on loan before. Keys and promises would cost more than many a partition's scan. */
  const held: (PartLease<CachedPartition> | undefined)[] = [];

  const load = async (partition: number): Promise<CachedPartition> => {
    const rows = await loadPartition(core, header, partition);
    const ids = rows.rowIds.bytes();
    const extent = measureExtent(new Uint32Array(ids.buffer, ids.byteOffset, rows.numRows * 2));
    const free = () => {
      held[partition] = undefined;
      rows.free();
    };
    return { ...rows, extent, free };
  };

  const lease = async (partition: number): Promise<PartLease<CachedPartition>> => {
    const taken = await parts.lease(`${prefix}partition-${partition}`, () => load(partition));
    held[partition] = taken;
    return taken;
  };

  const countBytes = (partitions: Uint32Array): number =>
    partitions.reduce((sum, partition) => sum + countPartBytes(header, partition), 0);

  return {
    countBytes,
    countLoads(partitions) {
      const most = Math.min(LOAD_BYTES, maxBytes);
      let bytes = 0;
      let count = 0;
      for (; count < partitions.length; count++) {
        bytes += countPartBytes(header, partitions[count]!);
        if (count > 0 && bytes > most) break;
      }
      return count;
    },
    visit: (partition, use) => held[partition]?.visit(use),
    async leaseAll(partitions, signal) {
      const wanted = partitions.filter((partition) => lengths[partition]! > 0);
      const leave = await parts.gate.enter(countBytes(wanted), signal);
      const settled = await Promise.allSettled(Array.from(wanted, lease));
      const leases = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const release = () => {
        for (const one of leases) one.release();
        leave();
      };
      const failed = settled.find((one) => one.status === "rejected");
      if (!failed) return { leases: new Map(leases.map((one, i) => [wanted[i]!, one])), release };
      release();
      throw failed.reason;
    },
  };
}

function countPartBytes({ lengths, storage, graphs }: IvfHeader, partition: number): number {
  return lengths[partition]! * (8 + storage.rowBytes) + (graphs?.countBytes(partition) ?? 0);
}

/** @param halves low and high half of each row id */
function measureExtent(halves: Uint32Array): Map<number, number> {
  const extent = new Map<number, number>();
  let [high, end] = [halves[1], 0];
  // Rows mostly lie beside others of their fragment: few are looked up.
  for (let i = 0; i < halves.length; i += 2) {
    if (halves[i + 1] !== high) {
      extent.set(high!, end);
      high = halves[i + 1];
      end = extent.get(high!) ?? 0;
    }
    if (halves[i]! >= end) end = halves[i]! + 1;
  }
  if (high !== undefined) extent.set(high, end);
  return extent;
}
