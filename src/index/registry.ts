import { LanceError } from "../errors.ts";
import { decodeBase64 } from "./base64.ts";
import type { IndexFamily, IndexSegment } from "./segment.ts";

/** One family: how files and users name it, and where its code is. */
interface FamilyEntry {
  /** Message name at the end of a `type_url`, lower case. */
  readonly message: string;
  /** Names users give, upper case without `_`. */
  readonly indexTypes: readonly string[];
  /** Whether details of this message are this family's; absent: all are. */
  readonly accepts?: (details: Uint8Array) => boolean | Promise<boolean>;
  readonly load: () => Promise<IndexFamily>;
}

/** The only place that knows families by name. Their code is fetched when first needed. */
const FAMILIES: readonly FamilyEntry[] = [
  {
    message: "btreeindexdetails",
    indexTypes: ["BTREE"],
    load: async () => (await import("./btree/family.ts")).btreeFamily,
  },
  {
    message: "vectorindexdetails",
    indexTypes: ["IVFFLAT"],
    accepts: async (details) => (await import("./ivf/describe-details.ts")).isIvfFlat(details),
    load: async () => (await import("./ivf/family.ts")).ivfFlatFamily,
  },
];

/**
 * The family of a segment, or `undefined` when this version has none for it: such an index is listed and carried over,
 * and queries do without.
 */
export async function findFamily(segment: Pick<IndexSegment, "indexDetails">): Promise<IndexFamily | undefined> {
  const { typeUrl, value } = segment.indexDetails;
  const message = getMessageName(typeUrl).toLowerCase();
  for (const entry of FAMILIES) {
    if (entry.message !== message) continue;
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

/** The family a user names: `BTREE`, `btree`, `IVF_FLAT`, `IvfFlat`. @throws UNSUPPORTED naming those there are */
export async function getFamilyByType(indexType: string): Promise<IndexFamily> {
  const name = normalizeType(indexType);
  const entry = FAMILIES.find(({ indexTypes }) => indexTypes.includes(name));
  if (entry) return entry.load();
  throw new LanceError("UNSUPPORTED", `no index type "${indexType}": expected one of ${listIndexTypes().join(", ")}`, {
    received: indexType,
    expected: listIndexTypes(),
  });
}

/** Index types users can build, as they are usually spelt. */
export function listIndexTypes(): string[] {
  return ["BTREE", "IVF_FLAT"];
}

/** `BTREE` or `IVF_FLAT` for any spelling of it, so that tasks compare; unknown names pass in upper case. */
export function canonicalIndexType(indexType: string): string {
  const name = normalizeType(indexType);
  return listIndexTypes().find((type) => normalizeType(type) === name) ?? indexType.toUpperCase();
}

/** Name of an index for people: of its family where there is one, else of its message. */
export async function nameIndexType(segment: IndexSegment): Promise<string> {
  const details = decodeBase64(segment.indexDetails.value, "indexDetails.value");
  const family = await findFamily(segment);
  if (family) return family.displayName(details);
  const message = getMessageName(segment.indexDetails.typeUrl);
  if (message.toLowerCase() === "vectorindexdetails") {
    return (await import("./ivf/describe-details.ts")).nameVectorIndex(details);
  }
  return message.replace(/(Index)?Details$/, "") || "Unknown";
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
