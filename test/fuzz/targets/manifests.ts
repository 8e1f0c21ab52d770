import { toArrowSchema } from "../../../src/format/arrow-schema.ts";
import { toIndexSegment } from "../../../src/index/metadata.ts";
import type { ReadableStore } from "../../../src/store/store.ts";
import { createDeletionCache } from "../../../src/table/deletions/deletion-cache.ts";
import { formatDeletionName } from "../../../src/table/deletions/deletion-file.ts";
import { createFileCache } from "../../../src/table/file-cache.ts";
import {
  MANIFEST_TAIL_BYTES,
  readManifestFromTail,
  readTransactionOf,
} from "../../../src/table/manifest/read-manifest.ts";
import { readFragmentPieces } from "../../../src/table/row-ids/row-id-index.ts";
import { createSnapshot } from "../../../src/table/snapshot.ts";
import { thin } from "../corpus.ts";
import { type Corpus, expectThat, type Input, type Part, type Seed, type Target } from "../target.ts";

/** Cuts a manifest file into what stands before its message, the message, and the trailer. */
function cut(bytes: Uint8Array): { before: Uint8Array; message: Uint8Array; trailer: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = Number(view.getBigUint64(bytes.length - 16, true));
  const trailer = bytes.subarray(bytes.length - 16);
  return { before: bytes.subarray(0, at), message: bytes.subarray(at + 4, bytes.length - 16), trailer };
}

function join({ before, message, trailer }: ReturnType<typeof cut>): Uint8Array {
  const bytes = new Uint8Array(before.length + 4 + message.length + trailer.length);
  bytes.set(before);
  new DataView(bytes.buffer).setUint32(before.length, message.length, true);
  bytes.set(message, before.length + 4);
  bytes.set(trailer, before.length + 4 + message.length);
  return bytes;
}

/** Whole manifests, and their messages with every length around them right. */
export function createManifestTarget(corpus: Corpus): Target<{ readonly path: string }> {
  const files = [...corpus.files].filter(([path]) => path.endsWith(".manifest"));
  const seeds = files.map(([name, bytes]): Seed<{ readonly path: string }> => {
    const { before, message, trailer } = cut(bytes);
    const parts: Part[] = [
      { kind: "bytes", bytes: before },
      { kind: "message", bytes: message },
      { kind: "bytes", bytes: trailer },
    ];
    return { name, parts, numbers: [], context: { path: name.slice(name.indexOf("_versions/")) } };
  });
  const thinned = thin(seeds, ({ parts }) => String(parts[1]!.bytes.length >> 4), 2);
  return {
    name: "manifests",
    weight: 6,
    codes: ["NOT_FOUND"],
    seeds: thinned,
    run: (input, seed) => read(input, seed.context.path),
  };
}

async function read({ parts }: Input, path: string): Promise<void> {
  const [before, message, trailer] = parts as [Uint8Array, Uint8Array, Uint8Array];
  const bytes = join({ before, message, trailer });
  const store = {
    async get(name: string, range: { offset?: number; length?: number }) {
      if (name !== path) return undefined;
      const start = range.offset ?? 0;
      return { bytes: bytes.subarray(start, start + (range.length ?? bytes.length)), totalBytes: bytes.length };
    },
  } as ReadableStore;
  const tail = { bytes: bytes.subarray(Math.max(0, bytes.length - MANIFEST_TAIL_BYTES)), totalBytes: bytes.length };
  const source = await readManifestFromTail(store, path, tail);
  const files = createFileCache(store);
  const snapshot = createSnapshot({ store, uri: "table", source, files, deletions: createDeletionCache() });
  toArrowSchema(snapshot.schema);
  for (const fragment of snapshot.fragments) {
    expectThat(fragment.numRows >= 0 && fragment.numRows <= fragment.physicalRows, `${fragment.numRows} rows`);
    const { deletionFile } = fragment.proto;
    if (deletionFile) formatDeletionName(fragment.id, deletionFile);
    if (snapshot.stableRowIds) readFragmentPieces(fragment);
  }
  for (const index of snapshot.indices) {
    const segment = await toIndexSegment(index);
    expectThat(new Set(segment.fragmentIds).size === segment.fragmentIds.length, "fragments covered twice");
  }
  await readTransactionOf(store, source);
}
