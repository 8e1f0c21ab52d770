import { clone, create, equals, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { IndexSectionSchema, type Manifest, ManifestSchema } from "../../src/proto/gen/lance/table_pb.ts";
import type { ReadableStore } from "../../src/store/store.ts";
import { readFragments } from "../../src/table/fragment.ts";
import { checkReaderFlags, checkWriterFlags } from "../../src/table/manifest/feature-flags.ts";
import { checkOneNaming, formatManifestPath, parseManifestPath } from "../../src/table/manifest/manifest-path.ts";
import { readInlineTransaction, readManifest } from "../../src/table/manifest/read-manifest.ts";
import { encodeManifestFile } from "../../src/table/manifest/write-manifest.ts";
import { createSnapshot } from "../../src/table/snapshot.ts";
import fc from "../support/fast-check.ts";

const PATH = "_versions/18446744073709551612.manifest";

/** A store of one object that counts its reads. */
function serve(bytes: Uint8Array): ReadableStore & { reads: number; bytesRead: number; sizeBytes: number } {
  return {
    reads: 0,
    bytesRead: 0,
    sizeBytes: bytes.length,
    async get(_path, range = {}) {
      this.reads++;
      const { offset = bytes.length - Math.min(range.suffix ?? bytes.length, bytes.length), length = bytes.length } =
        range;
      const slice = bytes.subarray(offset, offset + length);
      this.bytesRead += slice.length;
      return { bytes: slice, totalBytes: bytes.length };
    },
  };
}

function sample(fragments = 2): Manifest {
  return create(ManifestSchema, {
    version: 3n,
    fields: [{ name: "a", id: 0, parentId: -1, logicalType: "int32", nullable: true }],
    fragments: Array.from({ length: fragments }, (_, id) => ({
      id: BigInt(id),
      physicalRows: 10n,
      files: [{ path: `${id}.lance`, fields: [0], columnIndices: [0], fileMajorVersion: 2, fileMinorVersion: 1 }],
    })),
    dataFormat: { fileFormat: "lance", version: "2.1" },
    writerVersion: { library: "lancelet", version: "0" },
  });
}

describe("names", () => {
  test("V2 counts down from 2^64 − 1, V1 counts up", () => {
    expect(formatManifestPath(1, "v2")).toBe("_versions/18446744073709551614.manifest");
    expect(formatManifestPath(12, "v1")).toBe("_versions/12.manifest");
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.constantFrom("v1" as const, "v2" as const),
        (version, naming) => {
          expect(parseManifestPath(formatManifestPath(version, naming))).toEqual({ version, naming });
        },
      ),
    );
  });

  test.each([
    "_versions/d9223372036854775809.manifest",
    "_versions/latest_version_hint.json",
    "_versions/1.manifest-tmp",
    "_versions/x.manifest",
    "_versions/18446744073709551615.manifest",
    "_versions/9223372036854775809.manifest",
  ])("%s is no version", (path) => {
    expect(parseManifestPath(path)).toBeUndefined();
  });

  test("both schemes in one table are refused", () => {
    expect(() =>
      checkOneNaming([
        { version: 1, naming: "v1" },
        { version: 2, naming: "v2" },
      ]),
    ).toThrow(/both naming schemes/);
  });
});

describe("bytes", () => {
  const indexSection = toBinary(
    IndexSectionSchema,
    create(IndexSectionSchema, { indices: [{ name: "i", uuid: { uuid: new Uint8Array(16) } }] }),
  );
  const transaction = new Uint8Array([8, 2]);

  test.each([
    ["no section", {}],
    ["an index section", { indexSection }],
    ["a transaction", { transaction }],
    ["both", { indexSection, transaction }],
    ["an empty index section", { indexSection: new Uint8Array(0) }],
  ])("with %s read back as written, in one read", async (_, sections) => {
    const manifest = sample();
    const store = serve(encodeManifestFile(manifest, sections));
    const file = (await readManifest(store, PATH))!;
    expect(file.indexSection).toEqual("indexSection" in sections ? sections.indexSection : undefined);
    expect(file.transaction).toEqual("transaction" in sections ? sections.transaction : undefined);
    expect(file.indices.map((index) => index.name)).toEqual(
      "indexSection" in sections && sections.indexSection.length > 0 ? ["i"] : [],
    );
    const bare = clone(ManifestSchema, file.manifest);
    delete bare.indexSection;
    delete bare.transactionSection;
    expect(equals(ManifestSchema, bare, manifest)).toBe(true);
    expect(store.reads).toBe(1);
  });

  test("a manifest beyond 64 KiB takes one more read, two when its sections lie before", async () => {
    const manifest = sample(4000);
    const alone = serve(encodeManifestFile(manifest, {}));
    expect((await readManifest(alone, PATH))!.manifest.fragments).toHaveLength(4000);
    expect(alone.reads).toBe(2);
    const big = new Uint8Array(200_000);
    const led = serve(encodeManifestFile(manifest, { transaction: big, indexSection }));
    const file = (await readManifest(led, PATH))!;
    expect(file.indices).toHaveLength(1);
    expect(led.reads).toBe(3);
    // The transaction is nobody's but a writer's, and may be 20 MiB: it is read when asked for.
    expect(file.transaction).toBeUndefined();
    expect(led.bytesRead).toBeLessThan(led.sizeBytes - big.length + 10);
    expect(await readInlineTransaction(led, file)).toEqual(big);
    expect(led.reads).toBe(4);
    const shrunk = { ...led, get: async () => ({ bytes: big.subarray(0, 10), totalBytes: 10 }) };
    await expect(readInlineTransaction(shrunk, file)).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await readInlineTransaction({ get: async () => undefined }, file)).toBeUndefined();
  });

  test("unknown fields survive", async () => {
    const manifest = sample();
    manifest.$unknown = [{ no: 400, wireType: 2, data: new Uint8Array([3, 1, 2, 3]) }];
    const file = (await readManifest(serve(encodeManifestFile(manifest, {})), PATH))!;
    expect(file.manifest.$unknown).toEqual(manifest.$unknown);
    const again = (await readManifest(serve(encodeManifestFile(file.manifest, {})), PATH))!;
    expect(again.manifest.$unknown).toEqual(manifest.$unknown);
  });

  test("the older field of the transaction's offset is read too", async () => {
    const file = encodeManifestFile(sample(), { transaction });
    const read = (await readManifest(serve(file), PATH))!;
    const old = clone(ManifestSchema, read.manifest);
    old.transactionSectionLegacy = old.transactionSection!;
    delete old.transactionSection;
    const body = toBinary(ManifestSchema, old);
    const at = 4 + transaction.length;
    const bytes = new Uint8Array(at + 4 + body.length + 16);
    bytes.set(file.subarray(0, at));
    bytes.set(body, at + 4);
    bytes.set(file.subarray(-16), at + 4 + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(at, body.length, true);
    view.setBigUint64(bytes.length - 16, BigInt(at), true);
    expect((await readManifest(serve(bytes), PATH))!.transaction).toEqual(transaction);
  });

  test("truncated anywhere, it is CORRUPT", async () => {
    const whole = encodeManifestFile(sample(), { indexSection, transaction });
    for (let length = 0; length < whole.length; length++) {
      await expect(readManifest(serve(whole.subarray(0, length)), PATH)).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });

  test("with any byte changed, it is read or refused with a code", async () => {
    const whole = encodeManifestFile(sample(), { indexSection, transaction });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bytes = whole.slice();
        bytes[at]! ^= flip;
        try {
          const source = (await readManifest(serve(bytes), PATH))!;
          createSnapshot({
            store: serve(bytes),
            uri: "u",
            source,
            files: undefined as never,
            deletions: undefined as never,
          });
        } catch (error) {
          expect(isLanceError(error, "CORRUPT", "UNSUPPORTED")).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("offsets beyond the file are refused before they are read", async () => {
    for (const [key, value] of [
      ["indexSection", 1n << 40n],
      ["transactionSection", 0xffff_ffff_ffff_ffffn],
    ] as const) {
      const body = toBinary(ManifestSchema, { ...sample(), [key]: value });
      const bytes = new Uint8Array(body.length + 20);
      bytes.set(body, 4);
      bytes.set(encodeManifestFile(sample(), {}).subarray(-16), body.length + 4);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, body.length, true);
      view.setBigUint64(bytes.length - 16, 0n, true);
      const store = serve(bytes);
      await expect(readManifest(store, PATH)).rejects.toMatchObject({
        code: "CORRUPT",
        message: expect.stringMatching(/is said to start/),
      });
      expect(store.reads).toBe(1);
    }
  });
});

test("a manifest under another version's name is CORRUPT", async () => {
  const store = serve(encodeManifestFile(sample(), {}));
  const source = (await readManifest(store, formatManifestPath(4, "v2")))!;
  expect(() =>
    createSnapshot({ store, uri: "u", source, files: undefined as never, deletions: undefined as never }),
  ).toThrow(expect.objectContaining({ code: "CORRUPT", message: expect.stringContaining("holds version 3") }));
});

describe("from the future", () => {
  test("reader flags are named", async () => {
    const manifest = sample();
    manifest.readerFeatureFlags = 1n | 2n | 64n | (1n << 50n);
    const store = serve(encodeManifestFile(manifest, {}));
    await expect(readManifest(store, PATH)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/64 \(data overlays\), 1125899906842624 \(unknown\)/),
    });
  });

  test("every bit is either known or refused", () => {
    const readable = new Set([1, 2, 4, 8, 16, 32, 256]);
    for (let bit = 0; bit < 64; bit++) {
      const manifest = create(ManifestSchema, {
        readerFeatureFlags: 1n << BigInt(bit),
        writerFeatureFlags: 1n << BigInt(bit),
      });
      const known = readable.has(2 ** bit);
      if (known) checkReaderFlags(manifest);
      else expect(() => checkReaderFlags(manifest)).toThrow(/cannot read/);
      if (known || bit === 15) checkWriterFlags(manifest);
      else expect(() => checkWriterFlags(manifest)).toThrow(/cannot write/);
    }
  });

  test.each(["0.1", "2.3", "next"])("storage version %s is refused", async (version) => {
    const manifest = sample();
    manifest.dataFormat!.version = version;
    const store = serve(encodeManifestFile(manifest, {}));
    const source = (await readManifest(store, PATH))!;
    expect(() =>
      createSnapshot({ store, uri: "u", source, files: undefined as never, deletions: undefined as never }),
    ).toThrow(expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringContaining(version) }));
  });
});

describe("fragments", () => {
  test.each([
    ["an id twice", (m: Manifest) => Object.assign(m.fragments[1]!, { id: 0n }), "CORRUPT"],
    ["an id beyond 32 bits", (m: Manifest) => Object.assign(m.fragments[1]!, { id: 1n << 32n }), "CORRUPT"],
    ["rows beyond 32 bits", (m: Manifest) => Object.assign(m.fragments[1]!, { physicalRows: 1n << 40n }), "CORRUPT"],
    ["no row count", (m: Manifest) => Object.assign(m.fragments[1]!, { physicalRows: 0n }), "UNSUPPORTED"],
    ["columns not told", (m: Manifest) => Object.assign(m.fragments[1]!.files[0]!, { columnIndices: [] }), "CORRUPT"],
    [
      "more deletions than rows",
      (m: Manifest) =>
        Object.assign(m.fragments[1]!, { deletionFile: { fileType: 1, readVersion: 1n, id: 1n, numDeletedRows: 11n } }),
      "CORRUPT",
    ],
  ])("with %s are refused", (_, spoil, code) => {
    const manifest = sample();
    spoil(manifest);
    expect(() => readFragments(manifest)).toThrow(expect.objectContaining({ code }));
  });
});
