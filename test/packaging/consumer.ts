import { execFile } from "node:child_process";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../..", import.meta.url));

interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Record<string, string>;
}

/** A project outside the checkout with the packed package installed by npm, as a user has it. */
export async function installPacked(): Promise<{ folder: string; tarball: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "lancelet-consumer-"));
  const npm = (args: string[], cwd: string): Promise<unknown> =>
    promisify(execFile)("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd });
  await npm(["pack", "--ignore-scripts", "--pack-destination", folder], root);
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const tarball = join(folder, "lancelet.tgz");
  await rename(join(folder, `${manifest.name}-${manifest.version}.tgz`), tarball);

  // The checkout's own lock file, less what is for its development: the same packages, from npm's cache.
  const lock: Record<string, LockEntry> = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")).packages;
  const kept = Object.fromEntries(Object.entries(lock).filter(([path, { dev }]) => path !== "" && !dev));
  const project = { name: "consumer", version: "1.0.0", private: true, type: "module" };
  const dependencies = { lancelet: "file:lancelet.tgz" };
  await writeFile(join(folder, "package.json"), JSON.stringify({ ...project, dependencies }));
  const packages = {
    "": { ...project, dependencies },
    "node_modules/lancelet": {
      version: manifest.version,
      resolved: "file:lancelet.tgz",
      dependencies: manifest.dependencies,
    },
    ...kept,
  };
  const file = { name: "consumer", version: "1.0.0", lockfileVersion: 3, requires: true, packages };
  await writeFile(join(folder, "package-lock.json"), JSON.stringify(file));
  await npm(["ci", "--prefer-offline", "--ignore-scripts"], folder);
  return { folder, tarball, remove: () => rm(folder, { recursive: true, force: true }) };
}
