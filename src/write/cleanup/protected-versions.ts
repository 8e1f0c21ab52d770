import { LanceError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { mapBounded } from "../../tasks/settle-all.ts";

/** Versions of the main branch that others depend on. */
export interface ProtectedVersions {
  readonly tags: ReadonlyMap<string, number>;
  /** Versions that branches were made from. */
  readonly branchedFrom: ReadonlySet<number>;
}

const CONCURRENCY = 8;

/** Reads every tag and branch. @throws CORRUPT (one that cannot be read may protect anything), IO, ABORTED */
export async function listProtectedVersions(store: Store, signal?: AbortSignal): Promise<ProtectedVersions> {
  const tags = new Map<string, number>();
  for (const [name, ref] of await readRefs(store, "_refs/tags/", signal)) {
    if (ref.branch === undefined || ref.branch === null) tags.set(name, toVersion(name, ref.version));
  }
  const branchedFrom = new Set<number>();
  for (const [name, ref] of await readRefs(store, "_refs/branches/", signal)) {
    if (ref.parentBranch === undefined || ref.parentBranch === null)
      branchedFrom.add(toVersion(name, ref.parentVersion));
  }
  return { tags, branchedFrom };
}

type Ref = Readonly<Record<string, unknown>>;

async function readRefs(store: Store, prefix: string, signal: AbortSignal | undefined): Promise<[string, Ref][]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix, { signal })) if (path.endsWith(".json")) paths.push(path);
  const refs = await mapBounded(paths, CONCURRENCY, async (path): Promise<[string, Ref] | undefined> => {
    const found = await store.get(path, {}, { signal });
    if (found === undefined) return undefined;
    const name = decodeURIComponent(path.slice(prefix.length, -".json".length));
    try {
      const ref = JSON.parse(new TextDecoder().decode(found.bytes)) as Ref | null;
      if (typeof ref === "object" && ref !== null) return [name, ref];
    } catch {
      // said below
    }
    throw new LanceError("CORRUPT", `${path} is no JSON object: what it protects cannot be told`, { path });
  });
  return refs.filter((ref) => ref !== undefined);
}

function toVersion(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw new LanceError("CORRUPT", `"${name}" names version ${String(value)}, which is none`, { name });
}
