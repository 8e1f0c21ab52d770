import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/**
 * A static server with byte ranges. A missing file is 404, never a page: a reader finds the newest version by probing.
 *
 * @param {string} folder
 * @param {{ port?: number, host?: string }} [options] port 0 takes a free one; a taken port gives way to a free one
 * @returns {Promise<{ url: string, close(): Promise<void> }>}
 */
export async function serveFolder(folder, { port = 0, host = "localhost" } = {}) {
  const server = createServer((request, response) => {
    answer(folder, request, response).catch((error) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(`${error.message}\n`);
    });
  });
  const listen = (wanted) =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(wanted, host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  await listen(port).catch((error) => {
    if (error.code !== "EADDRINUSE") throw error;
    return listen(0);
  });
  return {
    url: `http://${host}:${server.address().port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(folder, request, response) {
  // Other origins may read: a page elsewhere opens a table here, and sees where a range lies.
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Headers", "Range, If-Match, If-None-Match");
  response.setHeader("Access-Control-Expose-Headers", "Content-Range, Content-Length, ETag, Accept-Ranges");
  if (request.method === "OPTIONS") return response.writeHead(204).end();
  if (request.method !== "GET" && request.method !== "HEAD")
    return response.writeHead(405, { Allow: "GET, HEAD" }).end();

  const path = await findFile(folder, request.url);
  if (!path) return response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n");
  const { size, mtimeMs } = await stat(path);
  const etag = `"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}"`;
  const headers = {
    "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
    "Accept-Ranges": "bytes",
    "Cache-Control": "no-cache",
    ETag: etag,
  };
  if (request.headers["if-none-match"] === etag) return response.writeHead(304, headers).end();

  const range = parseRange(request.headers.range, size);
  if (range === "unsatisfiable") return response.writeHead(416, { "Content-Range": `bytes */${size}` }).end();
  const { start, end } = range ?? { start: 0, end: size };
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "Content-Length": end - start,
    ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${size}` } : {}),
  });
  if (request.method === "HEAD" || end === start) return response.end();
  createReadStream(path, { start, end: end - 1 })
    .on("error", () => response.destroy())
    .pipe(response);
}

async function findFile(folder, url) {
  let path;
  try {
    path = join(folder, normalize(decodeURIComponent(new URL(url, "http://host").pathname)));
  } catch {
    return undefined;
  }
  if (path !== folder && !path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return undefined;
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return path;
  const index = join(path, "index.html");
  return found?.isDirectory() && (await stat(index).catch(() => undefined)) ? index : undefined;
}

/** One range, end exclusive; undefined where there is none or several (the whole file then answers). */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const [, first, last] = match;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : "unsatisfiable";
}
