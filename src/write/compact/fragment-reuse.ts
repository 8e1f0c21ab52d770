import { create, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import type { RewrittenGroup } from "../../index/remap-segment.ts";
import { loadCoreKernels } from "../../kernels/core.ts";
import {
  FragmentReuseIndexDetailsSchema,
  FragmentReuseIndexDetails_GroupSchema as GroupSchema,
  FragmentReuseIndexDetails_InlineContentSchema as InlineContentSchema,
  type FragmentReuseIndexDetails_Group as ReuseGroup,
  FragmentReuseIndexDetails_VersionSchema as VersionSchema,
} from "../../proto/gen/lance/frag_reuse_pb.ts";
import { type IndexMetadata, IndexMetadataSchema } from "../../proto/gen/lance/table_pb.ts";
import { drawUuid, parseUuid } from "../../store/uuid.ts";
import { FRAGMENT_REUSE_INDEX } from "../../table/commit/index-identity.ts";
import { deleteQuietly, requireWritable } from "../../table/commit/publish.ts";
import { readDeletions } from "../../table/deletions/deletions.ts";
import { encodeFragmentBitmap } from "../../table/fragment-bitmap.ts";
import { readReuseVersions } from "../../table/row-ids/frag-reuse.ts";
import { listRangesWithout } from "../../table/row-ids/range-rank.ts";
import { encodeRangeBitmap, joinTreemap } from "../../table/row-ids/roaring-treemap.ts";
import { getFragment, type Snapshot } from "../../table/snapshot.ts";

const TYPE_URL = "/lance.table.FragmentReuseIndexDetails";
/** Larger details lie in a file beside the manifest. */
const MAX_INLINE_BYTES = 204_800;
const DETAILS_FILE = "details.binpb";
/** Beyond this many ranges a fragment's rows are told by bits. */
const MAX_RANGES = 4096;

/**
 * The fragment reuse index as a rewrite that publishes on top of `version` leaves it: an index made up to that version
 * holds the old addresses, however late it was made.
 * @throws IO, ABORTED
 */
export type StampReuse = (version: number) => Promise<IndexMetadata>;

/**
 * The fragment reuse index of a table after some fragments are rewritten without remapping its indexes: what it held,
 * and where their rows go. `undefined` where no index covers any of those rows.
 *
 * @param options.covered fragments some index covers
 * @param options.onFile told of each file before it is written
 * @throws UNSUPPORTED (stable row ids; a history of another format), CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function buildFragmentReuse(
  snapshot: Snapshot,
  groups: readonly RewrittenGroup[],
  options: {
    readonly covered: ReadonlySet<number>;
    readonly onFile: (path: string) => void;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<StampReuse | undefined> {
  const { covered, onFile, signal } = options;
  if (snapshot.stableRowIds) {
    throw new LanceError(
      "UNSUPPORTED",
      "deferIndexRemap: a table with stable row ids cannot keep a fragment reuse index that released versions of Lance read; compact without it",
      {},
    );
  }
  const standing = snapshot.indices.find(({ name }) => name === FRAGMENT_REUSE_INDEX);
  const before = standing === undefined ? [] : await readReuseVersions(snapshot, standing);
  if (before === undefined) {
    throw new LanceError("UNSUPPORTED", "deferIndexRemap: the table's fragment reuse index is of a newer format", {});
  }
  const chained = before.flatMap((version) => version.groups.flatMap((group) => group.newFragments));
  const known = new Set([...covered, ...chained.map(({ id }) => Number(id))]);
  // All or nothing, as native: an index made meanwhile may cover what a part of it left out.
  if (!groups.some((group) => group.oldFragmentIds.some((id) => known.has(id)))) return undefined;
  const made: ReuseGroup[] = [];
  for (const group of groups) made.push(await describeGroup(snapshot, group, signal));
  const fragmentBitmap = await encodeFragmentBitmap(
    [...chained, ...made.flatMap((group) => group.newFragments)].map(({ id }) => Number(id)),
  );
  const store = requireWritable(snapshot.store, snapshot.uri);
  let written: string | undefined;
  return async (version) => {
    const added = create(VersionSchema, { datasetVersion: BigInt(version), groups: made });
    const versions = [...before, added].sort((a, b) => (a.datasetVersion < b.datasetVersion ? -1 : 1));
    const content = create(InlineContentSchema, { versions });
    const bytes = toBinary(InlineContentSchema, content);
    const isExternal = bytes.length > MAX_INLINE_BYTES;
    const uuid = drawUuid();
    // Of an attempt that lost its version: no manifest names it.
    if (written !== undefined) await deleteQuietly(store, [written]);
    if (isExternal) {
      written = `_indices/${uuid}/${DETAILS_FILE}`;
      onFile(written);
      await store.put(written, bytes, { mode: "create", signal });
    }
    const external = { path: DETAILS_FILE, offset: 0n, size: BigInt(bytes.length) };
    const details = create(FragmentReuseIndexDetailsSchema, {
      content: isExternal ? { case: "external", value: external } : { case: "inline", value: content },
    });
    return create(IndexMetadataSchema, {
      uuid: { uuid: parseUuid(uuid) },
      name: FRAGMENT_REUSE_INDEX,
      datasetVersion: BigInt(version),
      fragmentBitmap,
      indexDetails: { typeUrl: TYPE_URL, value: toBinary(FragmentReuseIndexDetailsSchema, details) },
      indexVersion: 0,
      createdAt: BigInt(Date.now()),
    });
  };
}

async function describeGroup(
  snapshot: Snapshot,
  group: RewrittenGroup,
  signal: AbortSignal | undefined,
): Promise<ReuseGroup> {
  const kernels = await loadCoreKernels();
  const entries = [];
  const oldFragments = [];
  for (const id of group.oldFragmentIds) {
    const fragment = getFragment(snapshot, id);
    const { physicalRows, numDeletedRows, numRows } = fragment;
    oldFragments.push({
      id: BigInt(id),
      physicalRows: BigInt(physicalRows),
      numDeletedRows: BigInt(numDeletedRows),
    });
    if (numRows === 0) continue;
    const ranges = listRangesWithout((await readDeletions(snapshot, fragment, signal)) ?? [], physicalRows);
    const bitmap =
      ranges.length > MAX_RANGES ? kernels.encodeRoaring(expand(ranges, numRows)) : encodeRangeBitmap(ranges);
    entries.push({ high: id, bitmap });
  }
  return create(GroupSchema, {
    changedRowAddrs: joinTreemap(entries),
    oldFragments,
    newFragments: group.newFragments.map(({ id, numRows }) => ({ id: BigInt(id), physicalRows: BigInt(numRows) })),
  });
}

function expand(ranges: readonly (readonly [number, number])[], numRows: number): Uint32Array {
  const offsets = new Uint32Array(numRows);
  let at = 0;
  for (const [start, end] of ranges) for (let offset = start; offset < end; offset++) offsets[at++] = offset;
  return offsets;
}
