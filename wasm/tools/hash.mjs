import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function listSources(root, crates) {
  const files = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"];
  for (const crate of ["common", ...crates]) {
    files.push(`${crate}/Cargo.toml`);
    const entries = await readdir(join(root, crate, "src"), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile() || !entry.name.endsWith(".rs")) continue;
      files.push(
        join(entry.parentPath, entry.name)
          .slice(root.length + 1)
          .replaceAll("\\", "/"),
      );
    }
  }
  return files.sort();
}

/** One hash over the names and bytes of every source, the lock file and the flags. */
export async function hashSources(root, crates, flags) {
  const hash = createHash("sha256").update(`${flags}\n`);
  for (const file of await listSources(root, crates)) {
    hash.update(`${file} ${sha256(await readFile(join(root, file)))}\n`);
  }
  return hash.digest("hex");
}

/** @returns path → hash */
export async function hashFiles(dir, paths) {
  const hashes = {};
  for (const path of paths) hashes[path] = sha256(await readFile(join(dir, path)));
  return hashes;
}

/** @returns the paths whose bytes are not those recorded, or that are missing */
export async function hashOutputs(dir, recorded, paths) {
  const broken = [];
  for (const path of paths) {
    const bytes = await readFile(join(dir, path)).catch(() => undefined);
    if (!bytes || sha256(bytes) !== recorded[path]) broken.push(path);
  }
  return broken;
}
