import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runOrThrow } from "./run.mjs";

/** The checkout. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Scratch space of the tools inside the checkout, outside version control. */
export const cacheFolder = join(root, "node_modules", ".cache", "lancelet");

/** Installs the npm packages when they are missing or the lock file names others. Needs nothing but Node and npm. */
export async function ensurePackages() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`Node ${process.versions.node}: expected 20.19 or newer; see https://nodejs.org`);
  }
  const missing = findMissing();
  if (!missing) return;
  console.log(`installing npm packages (${missing}); this takes about a minute`);
  await runOrThrow("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    env: { PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: "1" },
    label: "npm ci",
  });
}

/** Why the installed packages are not those of the lock file, or undefined. */
function findMissing() {
  const installedLock = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedLock)) return "none are installed";
  const installed = JSON.parse(readFileSync(installedLock, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.optional || entry.link) continue;
    if (installed[path]?.version !== entry.version) return `${path.replace("node_modules/", "")} ${entry.version}`;
  }
  return undefined;
}

/** Node 24 among the packages, since Vitest needs more than the 20.19 the library asks for. */
export function findNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return process.execPath;
  const own = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(own)) return own;
  throw new Error("the npm package `node` has no binary: its install script was blocked; run `npm rebuild node`");
}
