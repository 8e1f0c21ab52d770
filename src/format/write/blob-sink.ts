import { LanceError } from "../../errors.ts";
import type { Store, StoreWriter } from "../../store/store.ts";
import { BLOB_KINDS } from "../blob-field.ts";
import type { ArrowData } from "./arrow-data.ts";
import type { LeafColumn } from "./leaf-column.ts";
import { bytesAt, packNulls } from "./plain-values.ts";
import { expandRows } from "./slots.ts";

/** Native's bounds; field metadata may set others. */
const MAX_INLINE_BYTES = 64 * 1024;
const MIN_DEDICATED_BYTES = 4 * 1024 * 1024;
const MAX_PACK_BYTES = 1024 ** 3;
const THRESHOLD_KEYS = {
  inline: "lance-encoding:blob-inline-size-threshold",
  dedicated: "lance-encoding:blob-dedicated-size-threshold",
  pack: "lance-encoding:blob-pack-file-size-threshold",
} as const;

const DESCRIPTOR_BYTES = { 1: 16, 2: 25 } as const;

/** Where one blob lies. */
interface BlobPlace {
  readonly kind: number;
  readonly position: number;
  readonly size: number;
  readonly blobId: number;
}

/** What a sink needs of the file whose blobs it stores. */
export interface BlobSinkOptions {
  readonly store: Store;
  /** Of the data file; blobs of their own stand in a folder of its name. */
  readonly path: string;
  /** Lays bytes into the data file and tells where. */
  readonly writeBuffer: (bytes: Uint8Array) => Promise<number>;
  readonly signal?: AbortSignal | undefined;
}

/** Stores the bytes of blob columns, in the data file or beside it (format page section 2.2, Blob). */
export class BlobSink {
  readonly #options: BlobSinkOptions;
  readonly #paths: string[] = [];
  #nextId = 1;
  #pack: { readonly writer: StoreWriter; readonly blobId: number; size: number } | undefined;

  constructor(options: BlobSinkOptions) {
    this.#options = options;
  }

  /** Files written beside the data file so far. */
  get paths(): readonly string[] {
    return this.#paths;
  }

  /**
   * Stores the blobs of a batch and gives their descriptors in their stead.
   * @throws QUOTA_EXCEEDED, IO, ABORTED, INVALID_ARGUMENT for a threshold that is no number
   */
  async storeBlobs(column: LeafColumn, chain: readonly ArrowData[], version: 1 | 2): Promise<ArrowData> {
    const data = chain.at(-1)!;
    const isLive = findLive(column, chain);
    const places: (BlobPlace | null)[] = [];
    const thresholds = readThresholds(column);
    for (let row = 0; row < data.length; row++) {
      if (isLive[row] !== 1) places.push(null);
      else if (version === 1) places.push(await this.#storeInFile(bytesAt(data, row)));
      else places.push(await this.#storeByPlace(bytesAt(data, row), thresholds));
    }
    return describePlaces(places, version);
  }

  /** Closes the files beside. */
  async finish(): Promise<void> {
    await this.#pack?.writer.close();
    this.#pack = undefined;
  }

  /** Forgets what is open and deletes what is finished, best-effort. */
  async abort(): Promise<void> {
    await this.#pack?.writer.abort().catch(() => undefined);
    this.#pack = undefined;
    const { store } = this.#options;
    for (const path of this.#paths.splice(0)) await store.delete(path).catch(() => undefined);
  }

  async #storeInFile(bytes: Uint8Array): Promise<BlobPlace> {
    const position = bytes.length === 0 ? 0 : await this.#options.writeBuffer(bytes);
    return { kind: BLOB_KINDS.inline, position, size: bytes.length, blobId: 0 };
  }

  async #storeByPlace(bytes: Uint8Array, thresholds: Thresholds): Promise<BlobPlace> {
    if (bytes.length > thresholds.dedicated) {
      const blobId = this.#nextId++;
      const writer = await this.#openFile(blobId);
      await writeWhole(writer, bytes);
      return { kind: BLOB_KINDS.dedicated, position: 0, size: bytes.length, blobId };
    }
    return bytes.length > thresholds.inline ? this.#storePacked(bytes, thresholds.pack) : this.#storeInFile(bytes);
  }

  async #storePacked(bytes: Uint8Array, maxBytes: number): Promise<BlobPlace> {
    if (this.#pack && this.#pack.size + bytes.length > maxBytes) await this.finish();
    if (!this.#pack) {
      const blobId = this.#nextId++;
      this.#pack = { writer: await this.#openFile(blobId), blobId, size: 0 };
    }
    const { writer, blobId, size } = this.#pack;
    await writer.write(bytes);
    this.#pack.size += bytes.length;
    return { kind: BLOB_KINDS.packed, position: size, size: bytes.length, blobId };
  }

  async #openFile(blobId: number): Promise<StoreWriter> {
    const { store, path, signal } = this.#options;
    const blobPath = formatBlobPath(path, blobId);
    const writer = await store.createWriter(blobPath, signal ? { signal } : {});
    this.#paths.push(blobPath);
    return writer;
  }
}

async function writeWhole(writer: StoreWriter, bytes: Uint8Array): Promise<void> {
  try {
    await writer.write(bytes);
    await writer.close();
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
}

/** Folder of the data file's stem; the id's bits in reverse, so that object stores spread the keys. */
function formatBlobPath(dataPath: string, blobId: number): string {
  const digits = blobId.toString(2).padStart(32, "0");
  return `${dataPath.replace(/\.lance$/, "")}/${[...digits].reverse().join("")}.blob`;
}

/** One byte per value of the leaf, 1 = a row of the batch holds it. */
function findLive(column: LeafColumn, chain: readonly ArrowData[]): Uint8Array {
  const isLive = new Uint8Array(chain.at(-1)!.length);
  const { definition, ranges, numLevels, openBelow } = expandRows(column, chain, { from: 0, to: chain[0]!.length });
  let level = 0;
  for (let r = 0; r < ranges.length; r += 2) {
    for (let index = ranges[r]!; index < ranges[r + 1]!; index++, level++) {
      while (definition && level < numLevels && definition[level]! >= openBelow) level++;
      if (!definition || definition[level] === 0) isLive[index] = 1;
    }
  }
  return isLive;
}

interface Thresholds {
  readonly inline: number;
  readonly dedicated: number;
  readonly pack: number;
}

function readThresholds({ field, path }: LeafColumn): Thresholds {
  const read = (key: string, standard: number, least: number) => {
    const bytes = field.metadata[key];
    if (bytes === undefined) return standard;
    const text = new TextDecoder().decode(bytes);
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least) return value;
    throw new LanceError(
      "INVALID_ARGUMENT",
      `column "${path}": the metadata ${key} is "${text}"; expected a whole number of bytes, at least ${least}`,
      { field: path, [key]: text },
    );
  };
  return {
    inline: read(THRESHOLD_KEYS.inline, MAX_INLINE_BYTES, 0),
    dedicated: read(THRESHOLD_KEYS.dedicated, MIN_DEDICATED_BYTES, 1),
    pack: read(THRESHOLD_KEYS.pack, MAX_PACK_BYTES, 1),
  };
}

/** Version 1: position and size. Version 2: kind, position, size, id and an empty URI, as packed rows. */
function describePlaces(places: readonly (BlobPlace | null)[], version: 1 | 2): ArrowData {
  const rowBytes = DESCRIPTOR_BYTES[version];
  const length = places.length;
  const nulls = new Uint8Array(length);
  const valueOffsets = new Float64Array(length + 1);
  const values = new Uint8Array(length * rowBytes);
  const view = new DataView(values.buffer);
  let at = 0;
  for (const [row, place] of places.entries()) {
    if (place === null) nulls[row] = 1;
    else if (version === 1) writePair(view, at, place);
    else {
      values[at] = place.kind;
      writePair(view, at + 1, place);
      view.setUint32(at + 17, place.blobId, true);
    }
    // Rows of fixed width stand also for nulls.
    if (place !== null || version === 1) at += rowBytes;
    valueOffsets[row + 1] = at;
  }
  const shared = { type: { typeId: 15 }, length, offset: 0, ...packNulls(nulls), values, children: [] };
  return version === 1 ? shared : { ...shared, valueOffsets };
}

function writePair(view: DataView, at: number, { position, size }: BlobPlace): void {
  view.setBigUint64(at, BigInt(position), true);
  view.setBigUint64(at + 8, BigInt(size), true);
}
