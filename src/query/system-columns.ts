import type { LanceField, LanceSchema } from "../format/schema.ts";
import { countBelow } from "../search-sorted.ts";
import { readDeletions } from "../table/deletions/deletions.ts";
import type { Fragment } from "../table/fragment.ts";
import { halvesOf } from "../table/row-ids/row-addresses.ts";
import { decodeRowVersions } from "../table/row-ids/row-versions.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { identifyRows } from "./row-ids.ts";

/** Columns made by a query, not stored. */
export type SystemColumn =
  | "_rowid"
  | "_rowaddr"
  | "_rowoffset"
  | "_row_created_at_version"
  | "_row_last_updated_at_version"
  | "_distance"
  | "query_index";

/** Those that every row has, whatever is asked. */
export const ROW_COLUMNS = [
  "_rowid",
  "_rowaddr",
  "_rowoffset",
  "_row_created_at_version",
  "_row_last_updated_at_version",
] as const satisfies readonly SystemColumn[];

/** Values of system columns, by name. */
export type SystemValues = Partial<Record<SystemColumn, BigUint64Array | Float32Array | Int32Array>>;

/** Logical types of those that are no row ids, addresses or versions. */
const LOGICAL_TYPES: Partial<Record<SystemColumn, string>> = { _distance: "float", query_index: "int32" };

/** The schema filters and expressions are bound to: stored columns, then system columns of other names. */
export function withSystemFields(schema: LanceSchema, names: readonly SystemColumn[] = ROW_COLUMNS): LanceSchema {
  const taken = new Set(schema.fields.map((field) => field.name));
  const added = names
    .filter((name) => !taken.has(name))
    .map((name): LanceField => {
      const logicalType = LOGICAL_TYPES[name] ?? "uint64";
      return { id: -1, parentId: -1, name, logicalType, nullable: true, metadata: {}, children: [] };
    });
  return { ...schema, fields: [...schema.fields, ...added] };
}

/** Whether a name is a system column here: a stored column of this name comes first. */
export function isSystemColumn(schema: LanceSchema, name: string): name is SystemColumn {
  const isKnown = name === "_distance" || name === "query_index" || (ROW_COLUMNS as readonly string[]).includes(name);
  return isKnown && !schema.fields.some((field) => field.name === name);
}

/** System columns of rows at some addresses. Reads deletion files for `_rowoffset`, nothing for the others. */
export async function readSystemColumns(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  names: Iterable<SystemColumn>,
  signal: AbortSignal | undefined,
): Promise<SystemValues> {
  const values: SystemValues = {};
  for (const name of names) {
    if (name === "_rowid") values[name] = identifyRows(snapshot, addresses);
    else if (name === "_rowaddr") values[name] = addresses;
    else if (name === "_rowoffset") values[name] = await countOffsets(snapshot, addresses, signal);
    else if (name !== "_distance" && name !== "query_index") values[name] = readVersions(snapshot, addresses, name);
  }
  return values;
}

/** The position of each row among the live rows of the table. */
async function countOffsets(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  signal: AbortSignal | undefined,
): Promise<BigUint64Array> {
  const halves = halvesOf(addresses);
  const starts = new Map<number, number>();
  let start = 0;
  for (const fragment of snapshot.fragments) {
    starts.set(fragment.id, start);
    start += fragment.numRows;
  }
  const result = new BigUint64Array(addresses.length);
  const deletions = new Map<number, Uint32Array | null>();
  for (let i = 0; i < addresses.length; i++) {
    const [offset, id] = [halves[2 * i]!, halves[2 * i + 1]!];
    let deleted = deletions.get(id);
    if (deleted === undefined) {
      deleted = await readDeletions(snapshot, getFragment(snapshot, id), signal);
      deletions.set(id, deleted);
    }
    result[i] = BigInt(starts.get(id)! + offset - (deleted === null ? 0 : countBelow(deleted, offset)));
  }
  return result;
}

/** Decoded versions of the fragment read last, 8 bytes a row: scans go fragment by fragment. */
const decoded = new WeakMap<Fragment, Map<string, BigUint64Array>>();

function readVersions(
  snapshot: Snapshot,
  addresses: BigUint64Array,
  name: "_row_created_at_version" | "_row_last_updated_at_version",
): BigUint64Array {
  const halves = halvesOf(addresses);
  const result = new BigUint64Array(addresses.length);
  for (let i = 0; i < result.length; i++) {
    result[i] = versionsOf(getFragment(snapshot, halves[2 * i + 1]!), name)[halves[2 * i]!]!;
  }
  return result;
}

function versionsOf(fragment: Fragment, name: "_row_created_at_version" | "_row_last_updated_at_version") {
  let known = decoded.get(fragment);
  if (known === undefined) {
    known = new Map();
    decoded.set(fragment, known);
  }
  let versions = known.get(name);
  if (versions === undefined) {
    const { proto, physicalRows } = fragment;
    const bytes =
      name === "_row_created_at_version" ? proto.inlineCreatedAtVersions : proto.inlineLastUpdatedAtVersions;
    versions = decodeRowVersions(bytes, physicalRows);
    known.set(name, versions);
  }
  return versions;
}
