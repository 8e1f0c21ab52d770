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

test.each([
  ["/lake/t", "/lake/other"],
  ["/lake/t", "/lake/t2"],
  ["/lake/t", "s3://bucket/t"],
  ["/lake/t", "../other"],
])("of %s, the base %s is refused by name", (uri, path) => {
  expect(() => resolveBasePath(table(uri, path), "data", "f.lance", 3)).toThrow(
    expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringContaining(`"origin") at ${path}`) }),
  );
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
