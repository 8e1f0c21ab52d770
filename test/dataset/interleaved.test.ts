import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openDataset, writeDataset } from "../../src/entry-node.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { createPortStore, serveStore } from "../../src/store/message-port.ts";
import type { Store } from "../../src/store/store.ts";
import { COMMITS, commitRows, countTurns, findFaults, firstRow, readHistory } from "../conformance/interleaved.ts";

const WRITERS = ["a", "b"];

async function expectWhole(store: string | Store): Promise<void> {
  const dataset = await openDataset(store);
  const history = await readHistory(dataset);
  expect(findFaults(history, WRITERS, COMMITS)).toEqual([]);
  expect(countTurns(history)).toBeGreaterThan(10);
  await dataset.close();
}

it("200 commits of two handles in memory", async () => {
  const objects: MemoryObjects = new Map();
  await writeDataset([firstRow], createMemoryStore(objects));
  await Promise.all(
    WRITERS.map(async (writer) => commitRows(await openDataset(createMemoryStore(objects)), writer, COMMITS)),
  );
  await expectWhole(createMemoryStore(objects));
});

it("200 commits over two ports of one store", async () => {
  const store = createMemoryStore();
  await writeDataset([firstRow], store);
  await Promise.all(
    WRITERS.map(async (writer) => {
      const { port1, port2 } = new MessageChannel();
      const stop = serveStore(store, port1);
      await commitRows(await openDataset(await createPortStore(port2)), writer, COMMITS);
      stop();
    }),
  );
  await expectWhole(store);
});

it("200 commits of two processes on one folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lancelet-interleaved-"));
  try {
    await writeDataset([firstRow], folder);
    const codes = await Promise.all(
      WRITERS.map(async (writer) => {
        const child = fork(new URL("./commit-child.ts", import.meta.url), [folder, String(COMMITS), writer]);
        return new Promise((resolve) => child.once("exit", resolve));
      }),
    );
    expect(codes).toEqual([0, 0]);
    await expectWhole(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
});
