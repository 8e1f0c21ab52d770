import type { Data, RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { BLOB_KINDS, blobVersion } from "../../format/blob-field.ts";
import type { LanceField } from "../../format/schema.ts";
import type { DataFile } from "../../proto/gen/lance/table_pb.ts";
import { formatElsewhere } from "../../store/with-bases.ts";
import { resolveBasePath } from "../base-paths.ts";
import { halvesOf } from "../row-ids/row-addresses.ts";
import { getFragment, type Snapshot } from "../snapshot.ts";
import { type BlobFile, openBlobFile } from "./blob-file.ts";
import { takeAddresses } from "./take.ts";

/** Where the bytes of one blob lie. */
interface BlobPlace {
  readonly path: string;
  readonly position: number;
  /** `undefined`: the object is as long as it is. */
  readonly size: number | undefined;
}

/**
 * The blobs of some rows, without their bytes; `null` where a row has none. Reads the descriptors of the rows, and for
 * objects outside of the table whose size is not recorded, their size.
 *
 * @param column a blob column, or `a.b` for one in a struct
 * @param addresses rows in the order wanted, repeats allowed
 * @throws INVALID_ARGUMENT when there is no such blob column, NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function readBlobs(
  snapshot: Snapshot,
  column: string,
  addresses: BigUint64Array,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<(BlobFile | null)[]> {
  const { top, leaf, path } = findBlobColumn(snapshot, column);
  const version = blobVersion(leaf)!;
  const batch = await takeAddresses(snapshot, addresses, [top], options);
  const { descriptors, isNull } = readDescriptors(batch, path);
  const halves = halvesOf(addresses);
  const blobs: (BlobFile | null)[] = [];
  for (let row = 0; row < addresses.length; row++) {
    if (isNull(row)) {
      blobs.push(null);
      continue;
    }
    const fragmentId = halves[2 * row + 1]!;
    const owner = { snapshot, fragmentId, file: findFile(snapshot, fragmentId, leaf) };
    const place = version === 1 ? placeInFile(owner, descriptors, row) : placeOfKind(owner, descriptors, row);
    blobs.push(place === null ? null : await openBlobFile(snapshot.store, place, options));
  }
  return blobs;
}

/** The field a dotted path names, and the top-level field cut down to it. */
function findBlobColumn(snapshot: Snapshot, column: string) {
  const path: LanceField[] = [];
  // A name may itself hold dots, so the whole rest is tried before it is cut.
  const find = (fields: readonly LanceField[], rest: string): boolean => {
    for (const field of fields) {
      if (rest !== field.name && !rest.startsWith(`${field.name}.`)) continue;
      path.push(field);
      if (rest === field.name || find(field.children, rest.slice(field.name.length + 1))) return true;
      path.pop();
    }
    return false;
  };
  const leaf = find(snapshot.schema.fields, column) ? path.at(-1)! : undefined;
  if (leaf === undefined || blobVersion(leaf) === undefined || path.slice(0, -1).some(isList)) {
    const known = snapshot.schema.fields.filter((field) => blobVersion(field) !== undefined).map(({ name }) => name);
    throw new LanceError(
      "INVALID_ARGUMENT",
      `no blob column "${column}"${leaf === undefined ? "" : `: it is stored as ${leaf.logicalType}`}; the table has ${known.join(", ") || "none"}`,
      { column, known },
    );
  }
  const top = path.reduceRight((inner, field) => (field === inner ? field : { ...field, children: [inner] }));
  return { top, leaf, path };
}

function isList({ logicalType }: LanceField): boolean {
  return logicalType !== "struct";
}

/** Descriptor columns of the rows, by position, and whether a row or a struct around it is null. */
function readDescriptors(batch: RecordBatch, path: readonly LanceField[]) {
  const above: Data[] = [];
  let data = batch.data.children[0]!;
  for (let depth = 1; depth < path.length; depth++) {
    above.push(data);
    data = data.children[0]!;
  }
  above.push(data);
  const read = (index: number, row: number): unknown => {
    const child = data.children[index]!;
    const values = child.values as ArrayLike<number | bigint> | Uint8Array;
    if (child.valueOffsets === undefined || child.valueOffsets.length === 0) return values[row];
    const [start, end] = [Number(child.valueOffsets[row]), Number(child.valueOffsets[row + 1])];
    return new TextDecoder().decode((values as Uint8Array).subarray(start, end));
  };
  return { descriptors: read, isNull: (row: number) => above.some((level) => !level.getValid(row)) };
}

type ReadDescriptor = (index: number, row: number) => unknown;

interface BlobOwner {
  readonly snapshot: Snapshot;
  readonly fragmentId: number;
  readonly file: DataFile;
}

/** The newest data file of a fragment that holds a field. */
function findFile(snapshot: Snapshot, fragmentId: number, field: LanceField): DataFile {
  const file = getFragment(snapshot, fragmentId).proto.files.find((candidate) => candidate.fields.includes(field.id));
  if (file) return file;
  throw new LanceError("CORRUPT", `fragment ${fragmentId} has blobs of "${field.name}" in no data file`, {
    fragmentId,
  });
}

/** Files 2.0 and 2.1: bytes between the pages. Without bytes, a position other than 0 says null. */
function placeInFile({ snapshot, file }: BlobOwner, read: ReadDescriptor, row: number): BlobPlace | null {
  const position = toNumber(read(0, row));
  const size = toNumber(read(1, row));
  if (size === 0 && position !== 0) return null;
  return { path: resolveBasePath(snapshot, "data", file.path, file.baseId), position, size };
}

/** Files 2.2: in the data file, in a file beside it, or anywhere. */
function placeOfKind({ snapshot, file }: BlobOwner, read: ReadDescriptor, row: number): BlobPlace {
  const kind = Number(read(0, row));
  const position = toNumber(read(1, row));
  const size = toNumber(read(2, row));
  const id = Number(read(3, row));
  switch (kind) {
    case BLOB_KINDS.inline:
      return { path: resolveBasePath(snapshot, "data", file.path, file.baseId), position, size };
    case BLOB_KINDS.packed:
    case BLOB_KINDS.dedicated: {
      const path = resolveBasePath(snapshot, "data", sidecarPath(file.path, id), file.baseId);
      return { path, position: kind === BLOB_KINDS.packed ? position : 0, size };
    }
    case BLOB_KINDS.external:
      return { path: externalPath(snapshot, String(read(4, row)), id), position, size: size === 0 ? undefined : size };
    default:
      throw new LanceError("UNSUPPORTED", `a blob of kind ${kind} in ${file.path} is not known to this version`, {
        kind,
        path: file.path,
      });
  }
}

/** Sidecar files lie in a folder named after the data file; their name is the id's 32 bits, lowest first. */
function sidecarPath(dataFile: string, blobId: number): string {
  const stem = dataFile.endsWith(".lance") ? dataFile.slice(0, -".lance".length) : dataFile;
  const bits = Array.from({ length: 32 }, (_, bit) => (blobId >>> bit) & 1).join("");
  return `${stem}/${bits}.blob`;
}

/** An object named by its URI, or by a path in one of the table's bases. */
function externalPath(snapshot: Snapshot, uri: string, baseId: number): string {
  if (baseId !== 0) return resolveBasePath(snapshot, ".", uri, baseId).replace(/(^|\/)\.\//, "$1");
  const cut = uri.lastIndexOf("/");
  if (cut <= 0 || cut === uri.length - 1) {
    throw new LanceError("CORRUPT", `a blob outside of the table has the URI "${uri}"`, { uri });
  }
  return formatElsewhere(uri.slice(0, cut), uri.slice(cut + 1));
}

function toNumber(value: unknown): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new LanceError("CORRUPT", `a blob's position or size is ${String(value)}`, { value: String(value) });
}
