/** Reads of searches over a store that counts: a static server. */
import { createServer } from "node:http";
import { serveFolder } from "../../../web/serve.mjs";

/** Serves a folder and counts what is asked of it. */
export async function serveCounted(folder) {
  const inner = await serveFolder(folder);
  const log = [];
  const server = createServer(async (request, response) => {
    const answer = await fetch(new URL(request.url, inner.url), {
      method: request.method,
      headers: forwarded(request),
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    log.push(bytes.length);
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(bytes);
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${server.address().port}/`,
    /** Bytes of each answer, in order. */
    log,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await inner.close();
    },
  };
}

function forwarded({ headers: { range } }) {
  return { "accept-encoding": "identity", ...(range ? { range } : {}) };
}

/**
 * Requests and bytes of a query: of the first on a table just opened (opening it not counted), and of one after half of
 * the queries were asked.
 *
 * @param search  `{ queries, open(url), ask(dataset, query), close(dataset) }`
 */
export async function measureHttpReads(folder, { queries, open, ask, close }) {
  const server = await serveCounted(folder);
  try {
    const dataset = await open(server.url);
    const counts = [];
    for (const query of queries) {
      server.log.length = 0;
      await ask(dataset, query);
      counts.push({ reads: server.log.length, bytes: server.log.reduce((sum, each) => sum + each, 0) });
    }
    await close(dataset);
    return summarizeReads(counts);
  } finally {
    await server.close();
  }
}

/** The first query's counts, and the mean of the second half's. */
export function summarizeReads(counts) {
  const late = counts.slice(counts.length >> 1);
  const mean = (name) => late.reduce((sum, each) => sum + each[name], 0) / late.length;
  return { first: counts[0], after: { reads: mean("reads"), bytes: mean("bytes") } };
}
