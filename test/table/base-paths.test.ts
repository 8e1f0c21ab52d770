import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ManifestSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { resolveBasePath } from "../../src/table/base-paths.ts";

const table = (uri: string, path: string, isDatasetRoot = true) => ({
  uri,
  manifest: create(ManifestSchema, { basePaths: [{ id: 3, path, isDatasetRoot, name: "origin" }] }),
});

test.each([
  ["no base", "s3://b/t", "/x", undefined, "data/f.lance"],
  ["the table itself", "/lake/t", "/lake/t/", 3, "data/f.lance"],
  ["a branch below it", "file:///lake/t", "/lake/t/tree/dev", 3, "tree/dev/data/f.lance"],
  ["a relative base", "https://host/t", "tree/dev", 3, "tree/dev/data/f.lance"],
  ["a relative base with a dot", "https://host/t", "./tree/dev", 3, "tree/dev/data/f.lance"],
])("a file of %s is found", (_, uri, path, baseId, expected) => {
  expect(resolveBasePath(table(uri, path), "data", "f.lance", baseId)).toBe(expected);
});

test("a base that is no table holds the files themselves", () => {
  expect(resolveBasePath(table("/lake/t", "/lake/t/extra", false), "data", "f.lance", 3)).toBe("extra/f.lance");
});

const elsewhere = (uri: string) => `@base/${encodeURIComponent(uri)}/data/f.lance`;

test.each([
  ["beside it on the same disk", "/lake/t", "/lake/other", "/lake/other"],
  ["with a name that goes on", "/lake/t", "/lake/t2", "/lake/t2"],
  ["of another store", "/lake/t", "s3://bucket/t", "s3://bucket/t"],
  ["relative, above the table", "/lake/t", "../other", "/lake/other"],
  ["relative to some program", "/lake/t", "lake/other", "/lake/other"],
  ["local, of a table that was put on a host", "https://host/lake/t", "/home/me/other/", "https://host/lake/other"],
  ["local, of a table that was put on a bucket", "s3://bucket/t", "file:///home/me/other", "s3://bucket/other"],
  ["remote, of a table on a host", "https://host/t", "s3://bucket/t", "s3://bucket/t"],
])("a base %s is read from there", (_, uri, path, expected) => {
  expect(resolveBasePath(table(uri, path), "data", "f.lance", 3)).toBe(elsewhere(expected));
});

test("bases of a branch move with the table it belongs to", () => {
  const branch = (uri: string, name: string, ...paths: [string, string?][]) => ({
    uri,
    manifest: create(ManifestSchema, {
      branch: name,
      basePaths: paths.map(([path, source], id) => ({
        id,
        path,
        isDatasetRoot: true,
        ...(source === undefined ? {} : { name: source }),
      })),
    }),
  });
  const resolve = (one: ReturnType<typeof branch>, id: number) => resolveBasePath(one, "data", "f.lance", id);
  const moved = branch("https://host/t/tree/sub", "sub", ["/old/t"], ["/old/t/tree/feat/x", "feat/x"]);
  expect(resolve(moved, 0)).toBe(elsewhere("https://host/t"));
  expect(resolve(moved, 1)).toBe(elsewhere("https://host/t/tree/feat/x"));
  const relative = branch("/lake/t/tree/sub", "sub", ["t"], ["t/tree/feat/x", "feat/x"]);
  expect(resolve(relative, 0)).toBe(elsewhere("/lake/t"));
  expect(resolve(relative, 1)).toBe(elsewhere("/lake/t/tree/feat/x"));
  const mixed = branch("/lake/t/tree/sub", "sub", ["/lake/t"], ["t/tree/feat/x", "feat/x"]);
  expect(resolve(mixed, 1)).toBe(elsewhere("/lake/t/tree/feat/x"));
  const copied = branch("/new/t/tree/feat/x", "feat/x", ["/old/t"]);
  expect(resolve(copied, 0)).toBe(elsewhere("/new/t"));
  const inPlace = branch("/old/t/tree/feat/x", "feat/x", ["/origin"], ["/old/t"]);
  expect(resolve(inPlace, 0)).toBe(elsewhere("/origin"));
  expect(resolve(inPlace, 1)).toBe(elsewhere("/old/t"));
});

test("a base the manifest does not list, and a path that leaves the table, are CORRUPT", () => {
  expect(() => resolveBasePath(table("/t", "/t"), "data", "f.lance", 4)).toThrow(
    expect.objectContaining({ code: "CORRUPT" }),
  );
  for (const file of ["", "/etc/passwd", "../x", "a/../../x", "a//b"]) {
    expect(() => resolveBasePath(table("/t", "/t"), "data", file, undefined)).toThrow(
      expect.objectContaining({ code: "CORRUPT" }),
    );
  }
});
