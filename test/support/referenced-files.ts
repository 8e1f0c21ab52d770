import type { Store } from "../../src/store/store.ts";
import { readManifest } from "../../src/table/manifest/read-manifest.ts";

const HINT = /(^|\/)_versions\/latest_version_hint\.json$/;
const MANIFEST = /^(.*?)_versions\/[^/.][^/]*\.manifest$/;

/** How the files of a table and those its manifests name differ. */
export interface FileDifference {
  /** There, but named by no version, tag or branch. */
  readonly unnamed: readonly string[];
  /** Named, but not there. */
  readonly missing: readonly string[];
}

/**
 * Compares what is in a store with what every manifest in it names: the main line's and those of branches, whose files
 * of base 0 are the files of the line they left.
 */
export async function compareFiles(store: Store): Promise<FileDifference> {
  const there = new Set<string>();
  for await (const { path } of store.list("")) there.add(path);
  const branches = [...there].flatMap((path) => {
    const match = /^_refs\/branches\/(.*)\.json$/.exec(path);
    return match ? [`tree/${decodeURIComponent(match[1]!)}/`] : [];
  });
  const named = new Set([...there].filter((path) => path.startsWith("_refs/") || HINT.test(path)));
  const blobs = [...there].filter((path) => path.endsWith(".blob"));
  for (const path of there) {
    const folder = MANIFEST.exec(path)?.[1];
    if (folder === undefined || (folder !== "" && !branches.includes(folder))) continue;
    named.add(path);
    const { manifest, indices } = (await readManifest(store, path))!;
    const folderOf = (baseId: number | undefined): string => {
      if (baseId === undefined) return folder;
      const base = manifest.basePaths.find(({ id }) => id === baseId)!.path;
      const tree = base.indexOf("tree/");
      return tree < 0 ? "" : `${base.slice(tree).replace(/\/$/, "")}/`;
    };
    if (manifest.transactionFile) named.add(`${folder}_transactions/${manifest.transactionFile}`);
    for (const { id, files, deletionFile } of manifest.fragments) {
      for (const file of files) {
        const data = `${folderOf(file.baseId)}data/${file.path}`;
        named.add(data);
        for (const blob of blobs) if (blob.startsWith(`${data.replace(/\.lance$/, "")}/`)) named.add(blob);
      }
      if (deletionFile) {
        const { readVersion, id: drawn, fileType, baseId } = deletionFile;
        const name = `${id}-${readVersion}-${drawn}.${fileType === 0 ? "arrow" : "bin"}`;
        named.add(`${folderOf(baseId)}_deletions/${name}`);
      }
    }
    for (const { uuid, files, baseId } of indices) {
      const hex = Buffer.from(uuid!.uuid).toString("hex");
      const name = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
      for (const file of files) named.add(`${folderOf(baseId)}_indices/${name}/${file.path}`);
    }
  }
  return {
    unnamed: [...there].filter((path) => !named.has(path)).sort(),
    missing: [...named].filter((path) => !there.has(path)).sort(),
  };
}
