import { LanceError } from "../errors.ts";
import type { IndexMetadata } from "../proto/gen/lance/table_pb.ts";
import { decodeBase64 } from "./base64.ts";
import type { StorageKind } from "./ivf/storage/storage.ts";
import type { SubIndex } from "./ivf/sub-index/sub-index.ts";
import type { IndexFamily, IndexKind, IndexSegment } from "./segment.ts";

/** One family: how users name it, and where its code is. */
interface FamilyEntry {
  /** As it is usually spelt; users may leave out the `_` and use any case. */
  readonly indexType: string;
  /** Whether details of this message are this family's; absent: all are. */
  readonly accepts?: (details: Uint8Array) => boolean | Promise<boolean>;
  readonly load: () => Promise<IndexFamily>;
}

/** Indexes whose details are one message, those without a family here too. */
interface KindEntry {
  /** Message name at the end of a `type_url`, lower case. */
  readonly message: string;
  readonly families: readonly FamilyEntry[];
  /**
   * Whether an index of this version answers with row addresses, which a move of rows voids, even where rows have stable
   * ids; absent: none does.
   */
  readonly holdsRowAddresses?: (indexVersion: number) => boolean;
  /** What can be said of an index of any family of the message; absent: its message's name is all. */
  readonly loadKind?: () => Promise<IndexKind>;
}

const loadFlatSubIndex = async () => (await import("./ivf/sub-index/flat.ts")).flatSubIndex;
const loadHnswSubIndex = async () => (await import("./ivf/sub-index/hnsw.ts")).hnswSubIndex;
const loadFlatStorage = async () => (await import("./ivf/storage/flat.ts")).flatStorage;
const loadRabitStorage = async () => (await import("./ivf/storage/rq.ts")).rabitStorage;
const loadProductStorage = async () => (await import("./ivf/storage/pq.ts")).productStorage;
const loadScalarStorage = async () => (await import("./ivf/storage/sq.ts")).scalarStorage;

/** A vector family: one combination of a sub-index and a storage, composed when first needed. */
function vectorEntry(
  indexType: string,
  axes: { readonly subIndex: () => Promise<SubIndex>; readonly storage: () => Promise<StorageKind> },
): FamilyEntry {
  let family: Promise<IndexFamily> | undefined;
  const compose = async (): Promise<IndexFamily> => {
    const [{ createIvfFamily }, subIndex, storage] = await Promise.all([
      import("./ivf/family.ts"),
      axes.subIndex(),
      axes.storage(),
    ]);
    return createIvfFamily(subIndex, storage);
  };
  return {
    indexType,
    accepts: async (details) => (await import("./ivf/describe-details.ts")).isVectorIndex(details, indexType),
    load() {
      family ??= compose().catch((error: unknown) => {
        family = undefined;
        throw error;
      });
      return family;
    },
  };
}

/** The only place that knows families by name. Their code is fetched when first needed. */
const KINDS: readonly KindEntry[] = [
  {
    message: "btreeindexdetails",
    families: [{ indexType: "BTREE", load: async () => (await import("./btree/family.ts")).btreeFamily }],
    holdsRowAddresses: (indexVersion) => indexVersion >= 1,
  },
  { message: "zonemapindexdetails", families: [], holdsRowAddresses: () => true },
  { message: "bloomfilterindexdetails", families: [], holdsRowAddresses: () => true },
  { message: "fmindexdetails", families: [], holdsRowAddresses: () => true },
  {
    message: "vectorindexdetails",
    families: [
      vectorEntry("IVF_FLAT", { subIndex: loadFlatSubIndex, storage: loadFlatStorage }),
      vectorEntry("IVF_HNSW_FLAT", { subIndex: loadHnswSubIndex, storage: loadFlatStorage }),
      vectorEntry("IVF_HNSW_PQ", { subIndex: loadHnswSubIndex, storage: loadProductStorage }),
      vectorEntry("IVF_HNSW_SQ", { subIndex: loadHnswSubIndex, storage: loadScalarStorage }),
      vectorEntry("IVF_RQ", { subIndex: loadFlatSubIndex, storage: loadRabitStorage }),
      vectorEntry("IVF_PQ", { subIndex: loadFlatSubIndex, storage: loadProductStorage }),
      vectorEntry("IVF_SQ", { subIndex: loadFlatSubIndex, storage: loadScalarStorage }),
    ],
    loadKind: async () => (await import("./ivf/vector-kind.ts")).vectorKind,
  },
];

/**
 * The family of a segment, or `undefined` when this version has none for it: such an index is listed and carried over,
 * and queries do without.
 */
export async function findFamily(segment: Pick<IndexSegment, "indexDetails">): Promise<IndexFamily | undefined> {
  const { typeUrl, value } = segment.indexDetails;
  for (const entry of findKind(typeUrl)?.families ?? []) {
    if (entry.accepts && !(await entry.accepts(decodeBase64(value, "indexDetails.value")))) continue;
    return entry.load();
  }
  return undefined;
}

/** @throws UNSUPPORTED naming the type of the segment */
export async function getFamily(segment: IndexSegment): Promise<IndexFamily> {
  const family = await findFamily(segment);
  if (family) return family;
  throw new LanceError(
    "UNSUPPORTED",
    `segment ${segment.uuid} of index "${segment.name}" is ${segment.indexDetails.typeUrl}; this version knows ${listIndexTypes().join(", ")}`,
    { uuid: segment.uuid, received: segment.indexDetails.typeUrl, expected: listIndexTypes() },
  );
}

/** The newest index version of a family that this version of the library reads. */
export function getNewestVersion(family: IndexFamily): number {
  return Math.max(family.indexVersion(false), family.indexVersion(true));
}

/** The family a user names: `BTREE`, `btree`, `IVF_FLAT`, `IvfFlat`. @throws UNSUPPORTED naming those there are */
export async function getFamilyByType(indexType: string): Promise<IndexFamily> {
  const entry = findEntry(indexType);
  if (entry) return entry.load();
  throw new LanceError("UNSUPPORTED", `no index type "${indexType}": expected one of ${listIndexTypes().join(", ")}`, {
    received: indexType,
    expected: listIndexTypes(),
  });
}

/** Index types users can build, as they are usually spelt. */
export function listIndexTypes(): string[] {
  return KINDS.flatMap(({ families }) => families.map(({ indexType }) => indexType));
}

/** `BTREE` or `IVF_FLAT` for any spelling of it, so that tasks compare; unknown names pass in upper case. */
export function canonicalIndexType(indexType: string): string {
  return findEntry(indexType)?.indexType ?? indexType.toUpperCase();
}

/** Name of an index for people: of its family where there is one, else of its kind or its message. */
export async function nameIndexType(segment: Pick<IndexSegment, "indexDetails">): Promise<string> {
  const { typeUrl, value } = segment.indexDetails;
  const details = decodeBase64(value, "indexDetails.value");
  const family = await findFamily(segment);
  if (family) return family.displayName(details);
  const kind = await loadKind(typeUrl);
  return kind?.nameIndex(details) ?? (getMessageName(typeUrl).replace(/(Index)?Details$/, "") || "Unknown");
}

/**
 * Whether an index answers with row addresses on a table of stable row ids, and so cannot follow rows that move. The
 * rule `commit` is given.
 */
export function holdsRowAddresses(index: Pick<IndexMetadata, "indexDetails" | "indexVersion">): boolean {
  return findKind(index.indexDetails?.typeUrl ?? "")?.holdsRowAddresses?.(index.indexVersion ?? 0) ?? false;
}

/** What is known of the indexes a `type_url` names, also without a family for them; `undefined` where nothing is. */
export async function loadKind(typeUrl: string): Promise<IndexKind | undefined> {
  return findKind(typeUrl)?.loadKind?.();
}

/** What can tell by its files what an index is, where its details do not: all kinds, where they name no message. */
export async function loadKindsByFiles(typeUrl: string): Promise<IndexKind[]> {
  const kinds = typeUrl === "" ? KINDS : KINDS.filter((kind) => kind === findKind(typeUrl));
  return Promise.all(kinds.flatMap(({ loadKind: load }) => (load ? [load()] : [])));
}

function findKind(typeUrl: string): KindEntry | undefined {
  const message = getMessageName(typeUrl).toLowerCase();
  return KINDS.find((kind) => kind.message === message);
}

function findEntry(indexType: string): FamilyEntry | undefined {
  const name = normalizeType(indexType);
  return KINDS.flatMap(({ families }) => families).find((entry) => normalizeType(entry.indexType) === name);
}

function normalizeType(indexType: string): string {
  return String(indexType)
    .toUpperCase()
    .replaceAll(/[_\s-]/g, "");
}

/** Writers differ in what stands before the message's name (index page, section 1). */
function getMessageName(typeUrl: string): string {
  return typeUrl.slice(Math.max(typeUrl.lastIndexOf("."), typeUrl.lastIndexOf("/")) + 1);
}
