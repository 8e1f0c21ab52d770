import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveFolder } from "../../web/serve.mjs";

let folder = "";
let server: Awaited<ReturnType<typeof serveFolder>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lancelet-serve-"));
  await writeFile(join(folder, "index.html"), "<p>page");
  await writeFile(join(folder, "data.lance"), "0123456789");
  server = await serveFolder(folder, { host: "127.0.0.1" });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(new URL(path, server.url), { headers });

test("serves the page and whole files, with types", async () => {
  const page = await get("");
  expect([page.status, page.headers.get("content-type"), await page.text()]).toEqual([
    200,
    "text/html; charset=utf-8",
    "<p>page",
  ]);
  expect(await (await get("data.lance")).text()).toBe("0123456789");
});

test.each([
  ["bytes=2-4", "234", "bytes 2-4/10"],
  ["bytes=8-", "89", "bytes 8-9/10"],
  ["bytes=-3", "789", "bytes 7-9/10"],
  ["bytes=5-99", "56789", "bytes 5-9/10"],
  ["bytes=-99", "0123456789", "bytes 0-9/10"],
])("answers the range %s", async (range, text, contentRange) => {
  const response = await get("data.lance", { range });
  expect([response.status, await response.text(), response.headers.get("content-range")]).toEqual([
    206,
    text,
    contentRange,
  ]);
});

test("says which ranges it cannot answer", async () => {
  const response = await get("data.lance", { range: "bytes=10-12" });
  expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */10"]);
});

test("a missing file is 404, never the page", async () => {
  for (const path of ["no.manifest", "folder/", "data.lance/x"]) expect((await get(path)).status).toBe(404);
});

test("nothing outside the folder is served", async () => {
  const status = await new Promise((resolve, reject) => {
    const { port } = new URL(server.url);
    request({ host: "127.0.0.1", port, path: "/..%2f..%2f..%2fetc/passwd" }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
  expect(status).toBe(404);
});

test("an unchanged file is not sent again", async () => {
  const first = await get("data.lance");
  const etag = first.headers.get("etag") ?? "";
  await first.text();
  expect((await get("data.lance", { "if-none-match": etag })).status).toBe(304);
});

test("a taken port gives way to a free one", async () => {
  const second = await serveFolder(folder, { host: "127.0.0.1", port: Number(new URL(server.url).port) });
  expect(second.url).not.toBe(server.url);
  await second.close();
});
