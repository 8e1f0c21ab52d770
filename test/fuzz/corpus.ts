import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Corpus } from "./target.ts";
import { writeFiles } from "./written-files.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** Reads every fixture that native Lance wrote, in a fixed order, and adds files of our own. Needs the test runtime. */
export async function loadCorpus(): Promise<Corpus> {
  const files = new Map<string, Uint8Array>();
  const entries = readdirSync(FIXTURES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(py|parquet)$|expected\.json$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of entries)
    files.set(relative(FIXTURES, path).replaceAll("\\", "/"), new Uint8Array(readFileSync(path)));
  for (const [path, bytes] of await writeFiles()) files.set(path, bytes);
  return { files };
}

/** Keeps the first few of each kind: many fixtures hold the same thing. */
export function thin<T>(values: Iterable<T>, kindOf: (value: T) => string, each: number): T[] {
  const counts = new Map<string, number>();
  return [...values].filter((value) => {
    const kind = kindOf(value);
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    return count < each;
  });
}
