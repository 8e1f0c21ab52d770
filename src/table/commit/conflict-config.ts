import { abort, describe, NONE, retry, type Verdict } from "./conflict-verdict.ts";
import type { KnownOperation, OperationOf } from "./operation.ts";
import { type ConfigChanges, type MapUpdate, readConfigChanges } from "./update-map.ts";

/** Our overwrite over theirs: it replaces all, so only what it shares with them counts. */
export function judgeOverwrite(ours: OperationOf<"overwrite">, theirs: KnownOperation): Verdict {
  switch (theirs.case) {
    case "overwrite":
    case "updateConfig": {
      const key = sharedKey(configKeys(ours), configKeys(theirs));
      if (key !== undefined) return abort(`it set config key "${key}" too`);
      return theirs.case === "overwrite" ? retry("it is an overwrite too") : NONE;
    }
    case "updateMemWalState":
      return abort(`it is ${describe(theirs)}`);
    default:
      return NONE;
  }
}

/** Our change of config or metadata over theirs. */
export function judgeUpdateConfig(ours: OperationOf<"updateConfig">, theirs: KnownOperation): Verdict {
  if (theirs.case !== "overwrite" && theirs.case !== "updateConfig") return NONE;
  const key = sharedKey(configKeys(ours), configKeys(theirs));
  if (key !== undefined) return abort(`it changed config key "${key}" too`);
  const mine = readConfigChanges(ours.value);
  if (theirs.case === "overwrite") {
    return mine.schemaMetadata !== undefined || mine.fieldMetadata.size > 0
      ? abort("it is an overwrite, with a schema of its own")
      : NONE;
  }
  const what = sharedMetadata(mine, readConfigChanges(theirs.value));
  return what === undefined ? NONE : abort(`it changed ${what} too`);
}

function sharedMetadata(mine: ConfigChanges, theirs: ConfigChanges): string | undefined {
  if (mapsConflict(mine.tableMetadata, theirs.tableMetadata)) return "the same table metadata";
  if (mine.schemaMetadata !== undefined && theirs.schemaMetadata !== undefined) return "schema metadata";
  for (const field of mine.fieldMetadata.keys()) {
    if (theirs.fieldMetadata.has(field)) return `metadata of field ${field}`;
  }
  return undefined;
}

function mapsConflict(a: MapUpdate | undefined, b: MapUpdate | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.replace || b.replace || [...a.entries.keys()].some((key) => b.entries.has(key));
}

interface ConfigKeys {
  readonly set: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

function configKeys(operation: OperationOf<"overwrite" | "updateConfig">): ConfigKeys {
  if (operation.case === "overwrite") {
    return { set: new Set(Object.keys(operation.value.configUpsertValues)), removed: new Set() };
  }
  const entries = [...(readConfigChanges(operation.value).config?.entries ?? [])];
  return {
    set: new Set(entries.filter(([, value]) => value !== undefined).map(([key]) => key)),
    removed: new Set(entries.filter(([, value]) => value === undefined).map(([key]) => key)),
  };
}

/** A key one side sets and the other sets or removes; two removals agree. */
function sharedKey(a: ConfigKeys, b: ConfigKeys): string | undefined {
  for (const key of a.set) if (b.set.has(key) || b.removed.has(key)) return key;
  for (const key of a.removed) if (b.set.has(key)) return key;
  return undefined;
}
