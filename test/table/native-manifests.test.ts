import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { clone, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { IndexSectionSchema, type Manifest, ManifestSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { listManifestNames } from "../../src/table/manifest/find-version.ts";
import { formatManifestPath } from "../../src/table/manifest/manifest-path.ts";
import { readManifest, readTransactionOf } from "../../src/table/manifest/read-manifest.ts";
import { encodeManifestFile } from "../../src/table/manifest/write-manifest.ts";
import { createSnapshot } from "../../src/table/snapshot.ts";
import { findLatestVersion } from "./support.ts";

const roots = [new URL("../fixtures/lance/", import.meta.url), new URL("../../web/public/", import.meta.url)];
const tables = roots
  .filter((root) => existsSync(root))
  .flatMap((root) => readdirSync(root).map((name) => fileURLToPath(new URL(name, root))))
  .filter((path) => path.endsWith(".lance"));

const withoutOffsets = (manifest: Manifest) => {
  const bare = clone(ManifestSchema, manifest);
  delete bare.indexSection;
  delete bare.transactionSection;
  delete bare.transactionSectionLegacy;
  return bare;
};

test("there are tables of native's to read", () => {
  expect(tables.length).toBeGreaterThan(0);
});

describe.each(tables)("%s", (path) => {
  test("every version reads, and writes back to an equal message", async () => {
    const store = createNodeFsStore(path);
    const names = await listManifestNames(store);
    expect(await findLatestVersion(store)).toBe(Math.max(...names.map((name) => name.version)));
    for (const { version, naming } of names) {
      const manifestPath = formatManifestPath(version, naming);
      const source = (await readManifest(store, manifestPath))!;
      createSnapshot({ store, uri: path, source, files: undefined as never, deletions: undefined as never });
      expect((await readTransactionOf(store, source))?.operation.case).toBeDefined();
      // Every field of what native wrote is one we know.
      expect(source.manifest.$unknown ?? []).toEqual([]);
      if (source.indexSection !== undefined) {
        expect(toBinary(IndexSectionSchema, fromBinary(IndexSectionSchema, source.indexSection))).toEqual(
          source.indexSection,
        );
      }
      const bytes = encodeManifestFile(source.manifest, source);
      const served = { get: async () => ({ bytes, totalBytes: bytes.length }) };
      const again = (await readManifest(served, manifestPath))!;
      expect(equals(ManifestSchema, withoutOffsets(again.manifest), withoutOffsets(source.manifest))).toBe(true);
      expect([again.indexSection, again.transaction]).toEqual([source.indexSection, source.transaction]);
    }
  });
});
