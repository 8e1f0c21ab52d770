import { LanceError } from "../../../errors.ts";
import type { LanceFile } from "../../../format/read/file.ts";
import { STORAGE_KEY } from "../ivf-files.ts";

/** What the metadata of a storage file says of its rows; nothing where there is none. @throws CORRUPT unless it is JSON */
export function readStorageMetadata(file: LanceFile): Readonly<Record<string, unknown>> {
  try {
    const [first] = JSON.parse(file.metadata[STORAGE_KEY] ?? "[]") as string[];
    return (JSON.parse(first ?? "null") ?? {}) as Record<string, unknown>;
  } catch (cause) {
    throw new LanceError("CORRUPT", `${file.path}: ${STORAGE_KEY} is no JSON`, { path: file.path }, { cause });
  }
}
