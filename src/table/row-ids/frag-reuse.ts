import { clone, fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import {
  type FragmentReuseIndexDetails,
  FragmentReuseIndexDetailsSchema,
  FragmentReuseIndexDetails_InlineContentSchema as InlineContentSchema,
  type FragmentReuseIndexDetails_Group as ReuseGroup,
  type FragmentReuseIndexDetails_Version as ReuseVersion,
} from "../../proto/gen/lance/frag_reuse_pb.ts";
import { type IndexMetadata, IndexMetadataSchema } from "../../proto/gen/lance/table_pb.ts";
import { formatUuid } from "../../store/uuid.ts";
import { resolveBasePath } from "../base-paths.ts";
import { FRAGMENT_REUSE_INDEX, isSystemIndex } from "../commit/index-identity.ts";
import { MAX_U32 } from "../fragment.ts";
import { decodeFragmentBitmap, encodeFragmentBitmap } from "../fragment-bitmap.ts";
import type { Snapshot } from "../snapshot.ts";
import { createRangeRank } from "./range-rank.ts";
import { decodeRanges, splitTreemap } from "./roaring-treemap.ts";
import { chainRowIdMaps, createRowIdMap, type RewrittenRows, type RowIdMap } from "./row-map.ts";

/** External details beyond this are refused before they are fetched. */
const MAX_DETAILS_BYTES = 2 ** 30;

/** Where the rows of fragments went that were compacted without touching the indexes over them. */
export interface FragReuse {
  /** Of the index: another one means another history. */
  readonly uuid: string;
  /** Coverage as it is now: fragments that were rewritten together are covered through what they became. Ascending. */
  mapFragments(fragmentIds: readonly number[]): number[];
  /** The same, each with the ids it came from. */
  traceFragments(fragmentIds: readonly number[]): ReadonlyMap<number, readonly number[]>;
  readonly mapRowIds: RowIdMap;
}

const known = new WeakMap<Snapshot, Promise<FragReuse | null>>();

/**
 * The fragment reuse history of a version, read once; `null` where there is none, or nothing was moved.
 *
 * @throws UNSUPPORTED (a history of another format: what segments say could not be trusted), CORRUPT, NOT_FOUND, IO
 */
export function loadFragReuse(snapshot: Snapshot): Promise<FragReuse | null> {
  let loading = known.get(snapshot);
  if (loading === undefined) {
    loading = readFragReuse(snapshot);
    known.set(snapshot, loading);
    loading.catch(() => known.delete(snapshot));
  }
  return loading;
}

/**
 * The index section of a version with coverage in the fragments of now, as a commit has to judge it; entries that need
 * no change are the same objects, and so is the list where there is no history.
 */
export async function listCurrentIndices(snapshot: Snapshot): Promise<readonly IndexMetadata[]> {
  const reuse = await loadFragReuse(snapshot);
  if (reuse === null) return snapshot.indices;
  const current: IndexMetadata[] = [];
  let changed = false;
  for (const index of snapshot.indices) {
    const covered =
      isSystemIndex(index) || index.fragmentBitmap.length === 0
        ? undefined
        : await decodeFragmentBitmap(index.fragmentBitmap);
    const mapped = covered && reuse.mapFragments([...covered]);
    if (mapped === undefined || mapped.join() === covered!.join()) current.push(index);
    else {
      const next = clone(IndexMetadataSchema, index);
      next.fragmentBitmap = await encodeFragmentBitmap(mapped);
      current.push(next);
      changed = true;
    }
  }
  return changed ? current : snapshot.indices;
}

async function readFragReuse(snapshot: Snapshot): Promise<FragReuse | null> {
  const index = snapshot.indices.find(({ name }) => name === FRAGMENT_REUSE_INDEX);
  if (index === undefined) return null;
  const versions = await readReuseVersions(snapshot, index);
  if (versions === undefined) {
    const { indexVersion = 0 } = index;
    throw new LanceError(
      "UNSUPPORTED",
      `version ${snapshot.version} keeps a fragment reuse history of format ${indexVersion}, or of a mapping unknown here; this version of lancelet reads format 0. Compact the table with native Lance, without defer_index_remap`,
      { indexVersion },
    );
  }
  // Ids are never given out twice, so the oldest first is enough for chains.
  const ordered = [...versions].sort((a, b) => (a.datasetVersion < b.datasetVersion ? -1 : 1));
  const groups = ordered.flatMap((version) => version.groups.map(readFragmentIds));
  if (groups.length === 0) return null;
  const maps: RowIdMap[] = [];
  for (const version of ordered) maps.push(createRowIdMap(version.groups.map(readGroup)));
  return {
    uuid: formatUuid(index.uuid?.uuid ?? new Uint8Array(0)),
    mapFragments: (fragmentIds) => [...traceFragments(fragmentIds, groups).keys()].sort((a, b) => a - b),
    traceFragments: (fragmentIds) => traceFragments(fragmentIds, groups),
    mapRowIds: chainRowIdMaps(maps),
  };
}

/** The versions of a history as they are stored; `undefined` where it is of another format. @throws CORRUPT, NOT_FOUND, IO */
export async function readReuseVersions(snapshot: Snapshot, index: IndexMetadata): Promise<ReuseVersion[] | undefined> {
  if ((index.indexVersion ?? 0) !== 0) return undefined;
  if (index.indexDetails === undefined) return [];
  const details = decode(() => fromBinary(FragmentReuseIndexDetailsSchema, index.indexDetails!.value));
  const content = await readContent(snapshot, index, details);
  return content === undefined || content.transitions.length > 0 ? undefined : content.versions;
}

async function readContent(snapshot: Snapshot, index: IndexMetadata, { content }: FragmentReuseIndexDetails) {
  if (content.case === "inline") return content.value;
  if (content.case === undefined) return undefined;
  const { path, offset, size } = content.value;
  const directory = resolveBasePath(
    snapshot,
    "_indices",
    formatUuid(index.uuid?.uuid ?? new Uint8Array(0)),
    index.baseId,
  );
  const file = `${directory}/${path}`;
  if (offset + size > BigInt(Number.MAX_SAFE_INTEGER) || size > BigInt(MAX_DETAILS_BYTES)) {
    throw new LanceError("CORRUPT", `${file} is said to hold ${size} bytes of a fragment reuse history`, {
      path: file,
    });
  }
  const found = await snapshot.store.get(file, { offset: Number(offset), length: Number(size) });
  if (found === undefined) {
    throw new LanceError("NOT_FOUND", `${file} is missing: it says where rows went when fragments were compacted`, {
      path: file,
    });
  }
  return decode(() => fromBinary(InlineContentSchema, found.bytes));
}

interface GroupIds {
  readonly old: readonly number[];
  readonly new: readonly number[];
}

function readFragmentIds(group: ReuseGroup): GroupIds {
  return {
    old: group.oldFragments.map(({ id }) => toU32(id)),
    new: group.newFragments.map(({ id }) => toU32(id)),
  };
}

function traceFragments(fragmentIds: readonly number[], groups: readonly GroupIds[]): Map<number, readonly number[]> {
  const covered = new Map(fragmentIds.map((id): [number, readonly number[]] => [id, [id]]));
  for (const group of groups) {
    const held = group.old.filter((id) => covered.has(id));
    const origins = held.flatMap((id) => covered.get(id)!);
    for (const id of held) covered.delete(id);
    // Rows of a group covered in part are mixed with others in what it became: those are scanned, as native does.
    if (held.length > 0 && held.length === group.old.length) for (const id of group.new) covered.set(id, origins);
  }
  return covered;
}

function readGroup(group: ReuseGroup): RewrittenRows {
  const bitmaps = new Map(splitTreemap(group.changedRowAddrs).map(({ high, bitmap }) => [high, bitmap]));
  return {
    oldFragments: group.oldFragments.map((digest) => {
      const id = toU32(digest.id);
      const physicalRows = toU32(digest.physicalRows);
      const bitmap = bitmaps.get(id);
      const ranges = bitmap === undefined ? [] : decodeRanges(bitmap);
      if ((ranges.at(-1)?.[1] ?? 0) > physicalRows) throw beyond(id, physicalRows);
      return { id, physicalRows, live: createRangeRank(ranges, physicalRows) };
    }),
    newFragments: group.newFragments.map(({ id, physicalRows }) => ({ id: toU32(id), numRows: toU32(physicalRows) })),
  };
}

function beyond(fragmentId: number, physicalRows: number): LanceError {
  return new LanceError(
    "CORRUPT",
    `the fragment reuse history moves rows of fragment ${fragmentId} beyond its ${physicalRows}`,
    { fragmentId, physicalRows },
  );
}

function toU32(value: bigint): number {
  if (value <= BigInt(MAX_U32)) return Number(value);
  throw new LanceError("CORRUPT", `the fragment reuse history names ${value}, beyond 32 bits`, {});
}

function decode<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new LanceError("CORRUPT", "the fragment reuse history is not a valid message", {}, { cause });
  }
}
