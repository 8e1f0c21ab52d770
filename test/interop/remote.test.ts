import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset } from "../../src/entry-node.ts";
import { type StaticHost, startStaticHost } from "../store/support/static-host.ts";
import { type NativeSession, openNativeSession } from "./native-session.ts";

const ROWS = 60_000;
const COLUMNS = ["id", "name", "kind", "at", "ok", "tags", "vector"];
const VERSIONS = ["2.0", "2.1", "2.2"];

let scratch: string;
let host: StaticHost;
let native: NativeSession;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lancelet-remote-"));
  host = await startStaticHost();
  native = openNativeSession(scratch);
  await native.run(`
import random
from datetime import datetime, timedelta
random.seed(1)
n = ${ROWS}
rows = pa.table({
  "id": pa.array([random.getrandbits(62) for _ in range(n)], pa.int64()),
  "name": [f"row number {i}, {random.random()}" for i in range(n)],
  "kind": [f"kind {i % 7}" for i in range(n)],
  "at": pa.array([datetime(2024, 1, 1) + timedelta(seconds=i) for i in range(n)], pa.timestamp("us")),
  "ok": [random.random() < 0.5 for _ in range(n)],
  "tags": [[f"tag {random.randrange(1000)}" for _ in range(i % 4)] for i in range(n)],
  "vector": pa.FixedSizeListArray.from_arrays(pa.array([random.random() for _ in range(n * 96)], pa.float32()), 96),
})
for version in ${JSON.stringify(VERSIONS)}:
    ds = lance.write_dataset(rows, f"t{version}.lance", data_storage_version=version)
    lance.write_dataset(rows.slice(0, 1), ds, mode="append")
`);
});
afterAll(async () => {
  native?.close();
  await host?.close();
  await rm(scratch, { recursive: true, force: true });
});

function listFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? listFiles(path) : [path];
  });
}

describe.each(VERSIONS)("a table of native Lance on a host, files %s", (version) => {
  beforeAll(() => {
    const root = join(scratch, `t${version}.lance`);
    host.objects.clear();
    for (const file of listFiles(root)) host.objects.set(relative(root, file), readFileSync(file));
  });

  it.each(COLUMNS)(
    "a cold open and one row of %s: 4 requests when pinned, 6 when found, none larger than needed",
    async (column) => {
      for (const pinned of [2, undefined]) {
        host.seen.length = 0;
        const dataset = await openDataset(host.url, { version: pinned });
        const table = await dataset.takeRows([31_234n], { columns: [column] });
        expect(table.numRows).toBe(1);
        await dataset.close();
        const asked = host.seen.map(({ path, range }) => `${path.split("/")[0]} ${range}`);
        // Lists of texts in 2.0 are three buffers, each found through the one before.
        const more = version === "2.0" && column === "tags" ? 1 : 0;
        expect(asked.length, asked.join("; ")).toBeLessThanOrEqual((pinned ? 4 : 6) + more);
        const bytes = host.seen.map(({ range }) => {
          const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
          return first ? Number(last) + 1 - Number(first) : Number(last ?? 0);
        });
        // Two tails of 64 KiB; the index of a page, and of its data a chunk.
        expect(Math.max(...bytes), asked.join("; ")).toBeLessThanOrEqual(180_000);
      }
    },
  );
});
