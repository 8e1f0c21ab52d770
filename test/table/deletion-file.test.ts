import { readFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { DeletionFileSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { decodeDeletionFile, formatDeletionName, writeDeletionFile } from "../../src/table/deletions/deletion-file.ts";
import { readDeletions } from "../../src/table/deletions/deletions.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createTable } from "./support.ts";

useTestRuntime();

const fixture = (name: string) =>
  readFile(new URL(`../fixtures/deletions/${name}`, import.meta.url)).then((bytes) => new Uint8Array(bytes));
const range = (rows: number, keep: (i: number) => boolean) =>
  Uint32Array.from({ length: rows }, (_, i) => i).filter(keep);

/** Written by Lance 14: `i % 7 = 3 OR i > 990` of 1,000 rows, and `i % 3 = 0` of 20,000. */
const NATIVE = [
  { name: "native.arrow", fileType: 0, physicalRows: 1000, offsets: range(1000, (i) => i % 7 === 3 || i > 990) },
  { name: "native.bin", fileType: 1, physicalRows: 20_000, offsets: range(20_000, (i) => i % 3 === 0) },
];

const message = (fileType: number) => create(DeletionFileSchema, { fileType, readVersion: 4n, id: 2n ** 64n - 1n });

describe.each(NATIVE)("$name", ({ name, fileType, physicalRows, offsets }) => {
  const expected = { path: name, numDeletedRows: offsets.length, physicalRows };

  test("gives its offsets, ascending", async () => {
    expect(await decodeDeletionFile(await fixture(name), message(fileType), expected)).toEqual(offsets);
  });

  test("is refused when the manifest tells other numbers", async () => {
    const bytes = await fixture(name);
    for (const change of [{ numDeletedRows: offsets.length - 1 }, { physicalRows: offsets.at(-1)! }]) {
      await expect(decodeDeletionFile(bytes, message(fileType), { ...expected, ...change })).rejects.toMatchObject({
        code: "CORRUPT",
      });
    }
  });

  test("truncated or with a byte changed, it is right, or refused with a code", async () => {
    const bytes = await fixture(name);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, flip) => {
        const spoiled = flip === 0 ? bytes.slice(0, at) : bytes.slice();
        if (flip > 0) spoiled[at]! ^= flip;
        try {
          const found = await decodeDeletionFile(spoiled, message(fileType), expected);
          // A flipped value may pass for another row; it is still one row each, inside of the fragment.
          expect(found).toHaveLength(offsets.length);
          expect(found.every((offset, i) => offset < physicalRows && (i === 0 || offset > found[i - 1]!))).toBe(true);
        } catch (error) {
          expect(isLanceError(error, "CORRUPT", "UNSUPPORTED"), String(error)).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});

test("names and unknown types", () => {
  expect(formatDeletionName(3, message(0))).toBe("3-4-18446744073709551615.arrow");
  expect(formatDeletionName(3, message(1))).toBe("3-4-18446744073709551615.bin");
  expect(() => formatDeletionName(3, message(2))).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
});

test("what is written reads back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(99), { minLength: 1, maxLength: 100 }), async (rows) => {
      const store = createMemoryStore();
      const snapshot = await createTable(store, 1);
      const offsets = Uint32Array.from(rows).sort();
      const deletionFile = await writeDeletionFile(store, { fragmentId: 0, readVersion: 1, offsets });
      const [before] = snapshot.fragments;
      const fragment = { ...before!, numDeletedRows: rows.length, proto: { ...before!.proto, deletionFile } };
      expect(await readDeletions(snapshot, fragment)).toEqual(offsets);
    }),
    { numRuns: 50 },
  );
});

test("a missing file is named", async () => {
  const snapshot = await createTable(createMemoryStore(), 1);
  const [before] = snapshot.fragments;
  const fragment = { ...before!, numDeletedRows: 1, proto: { ...before!.proto, deletionFile: message(1) } };
  await expect(readDeletions(snapshot, fragment)).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringContaining("_deletions/0-4-18446744073709551615.bin"),
  });
});
