import { createMemoryStore } from "../../../src/store/memory.ts";
import { readVersionHint } from "../../../src/table/manifest/find-version.ts";
import { getBranch, listBranches } from "../../../src/table/refs/read-branches.ts";
import { getTag, listTags } from "../../../src/table/refs/read-tags.ts";
import { expectThat, type Input, type Seed, type Target } from "../target.ts";

const TAG = {
  branch: null,
  version: 3,
  createdAt: "2025-01-02T03:04:05Z",
  updatedAt: null,
  manifestSize: 812,
  metadata: { by: "me" },
};
const BRANCH = {
  parentBranch: "main",
  identifier: {
    version_mapping: [
      [3, "6f1c0e1e-4a2b-4c7e-9d30-1f2a3b4c5d6e"],
      [7, "0"],
    ],
  },
  parentVersion: 3,
  createAt: 1_735_787_045,
  manifestSize: 900,
  metadata: {},
};
const FILES = [
  ["_refs/tags/t.json", TAG],
  ["_refs/branches/b.json", BRANCH],
  ["_versions/latest_version_hint.json", { version: 4 }],
] as const;

/** The JSON of tags, branches and the version hint. */
export function createRefTarget(): Target<string> {
  const seeds = FILES.map(([path, json]): Seed<string> => {
    const bytes = new TextEncoder().encode(JSON.stringify(json, null, 2));
    return { name: path, parts: [{ kind: "json", bytes }], numbers: [], context: path };
  });
  return { name: "refs", weight: 5, seeds, run: (input, seed) => read(input, seed.context) };
}

async function read({ parts }: Input, path: string): Promise<void> {
  const bytes = parts[0]!;
  const store = createMemoryStore(new Map([[path, { bytes, etag: "1" }]]) as never);
  if (path.includes("hint")) {
    const version = await readVersionHint(store, {});
    return expectThat(version === undefined || (Number.isSafeInteger(version) && version >= 1), `a hint of ${version}`);
  }
  if (path.includes("tags")) {
    const tag = await getTag(store, "t");
    expectThat(Object.keys(await listTags(store)).length === 1, "another number of tags");
    expectThat(tag.branch === null || typeof tag.branch === "string", "a branch that is no text");
    return checkShared(tag.version, tag.manifestSizeBytes, tag.metadata);
  }
  const branch = await getBranch(store, "b");
  await listBranches(store);
  for (const entry of branch.identifier) {
    const whole = Array.isArray(entry) && Number.isSafeInteger(entry[0]) && typeof entry[1] === "string";
    expectThat(whole, `an ancestor of ${JSON.stringify(entry)}`);
  }
  expectThat(Number.isFinite(branch.createdAtMs), `a time of ${branch.createdAtMs}`);
  checkShared(branch.parentVersion, branch.manifestSizeBytes, branch.metadata);
}

function checkShared(version: number, manifestSizeBytes: number, metadata: Readonly<Record<string, string>>): void {
  expectThat(Number.isSafeInteger(version) && version >= 1, `version ${version}`);
  expectThat(Number.isFinite(manifestSizeBytes) && manifestSizeBytes >= 0, `a manifest of ${manifestSizeBytes} bytes`);
  const isText = typeof metadata === "object" && Object.values(metadata).every((value) => typeof value === "string");
  expectThat(isText, `metadata of ${JSON.stringify(metadata)}`);
}
