import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Dataset, openDataset, writeDataset } from "../../src/entry-node.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { createPortStore, serveStore } from "../../src/store/message-port.ts";
import type { Store } from "../../src/store/store.ts";
import { withPrefix } from "../../src/store/with-prefix.ts";
import { VERSION_HINT_PATH } from "../../src/table/manifest/manifest-path.ts";
import { firstRow } from "../conformance/interleaved.ts";
import { startStaticHost } from "../store/support/static-host.ts";

const open: Dataset[] = [];
afterEach(() => Promise.all(open.splice(0).map((dataset) => dataset.close())));

const keep = (dataset: Dataset) => {
  open.push(dataset);
  return dataset;
};
const openKept = async (store: string | Store) => keep(await openDataset(store));
const rows = [firstRow];

/** The next version, or a complaint. */
async function hear(versions: AsyncIterator<number>, withinMs = 240_000): Promise<number | "end" | "silence"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<"silence">((resolve) => {
    timer = setTimeout(resolve, withinMs, "silence");
  });
  const next = versions.next().then(({ done, value }): number | "end" => (done ? "end" : value));
  return Promise.race([next, silence]).finally(() => clearTimeout(timer));
}

describe("watch", () => {
  it("tells of commits of other handles, once several came together, and follows with checkoutLatest", async () => {
    const objects: MemoryObjects = new Map();
    const writer = keep(await writeDataset(rows, createMemoryStore(objects)));
    const reader = await openKept(createMemoryStore(objects));
    const versions = reader.watch();
    await writer.insert(rows);
    expect(await hear(versions)).toBe(2);
    // Another that watches has heard of the last: so has this one, which asks only now.
    const witness = (await openKept(createMemoryStore(objects))).watch();
    for (let i = 0; i < 5; i++) await writer.insert(rows);
    while ((await hear(witness)) !== 7);
    expect(await hear(versions)).toBe(7);
    await reader.checkoutLatest();
    expect([reader.version, await reader.countRows()]).toEqual([7, 7]);
    expect(await hear(versions, 100)).toBe("silence");
  });

  it("tells what was committed before it began, and nothing the handle reads already", async () => {
    const objects: MemoryObjects = new Map();
    const writer = keep(await writeDataset(rows, createMemoryStore(objects)));
    const reader = await openKept(createMemoryStore(objects));
    for (let i = 0; i < 3; i++) await writer.insert(rows);
    expect(await hear(reader.watch())).toBe(4);
    expect(await hear(writer.watch(), 100)).toBe("silence");
  });

  it("tells tables apart, and hears through folders and ports", async () => {
    const shared = createMemoryStore();
    const { port1, port2 } = new MessageChannel();
    const stop = serveStore(withPrefix(shared, "a"), port1);
    const writer = keep(await writeDataset(rows, withPrefix(shared, "a")));
    const other = keep(await writeDataset(rows, withPrefix(shared, "b")));
    const reader = await openKept(await createPortStore(port2));
    const versions = reader.watch();
    const strangers = other.watch();
    await writer.insert(rows);
    expect(await hear(versions)).toBe(2);
    expect(await hear(strangers, 100)).toBe("silence");
    await other.insert(rows);
    await reader.insert(rows);
    expect(await hear(writer.watch())).toBe(3);
    stop();
  });

  it("asks where nobody announces: another process writing to a folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lancelet-watch-"));
    try {
      const writer = keep(await writeDataset(rows, folder));
      const reader = await openKept(folder);
      await reader.insert(rows);
      const versions = reader.watch({ pollMs: 20 });
      const child = fork(new URL("./commit-child.ts", import.meta.url), [folder, "1", "x"], { stdio: "ignore" });
      await new Promise((resolve) => child.once("exit", resolve));
      expect(await hear(versions)).toBe(3);
      await writer.checkoutLatest();
      expect(await writer.countRows()).toBe(3);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("asks a host by its hint, by the next version where the hint lags, and goes on after it was away", async () => {
    const host = await startStaticHost();
    const objects: MemoryObjects = new Map();
    const publish = () => {
      for (const [path, { bytes }] of objects) host.objects.set(path, bytes);
    };
    const writer = keep(await writeDataset(rows, createMemoryStore(objects)));
    publish();
    const reader = await openKept(host.url);
    const versions = reader.watch({ pollMs: 20 });
    for (let i = 0; i < 3; i++) await writer.insert(rows);
    publish();
    expect(await hear(versions)).toBe(4);
    await reader.checkoutLatest();
    host.behave({ failures: { status: 404, count: 6 } });
    const hint = objects.get(VERSION_HINT_PATH)!.bytes;
    await writer.insert(rows);
    publish();
    host.objects.set(VERSION_HINT_PATH, hint);
    expect(await hear(versions)).toBe(5);
    await host.close();
    expect(await hear(versions, 150)).toBe("silence");
  });

  it("ends with the signal, with the dataset, and when the loop is left", async () => {
    const dataset = await writeDataset(rows, createMemoryStore());
    const stop = new AbortController();
    const bySignal = dataset.watch({ signal: stop.signal });
    const pending = hear(bySignal);
    stop.abort();
    expect(await pending).toBe("end");
    const byClose = dataset.watch();
    const waiting = hear(byClose);
    await dataset.close();
    expect(await waiting).toBe("end");
    expect(await hear(dataset.watch())).toBe("end");
    const left = keep(await writeDataset(rows, createMemoryStore()));
    for await (const version of left.watch({ signal: AbortSignal.timeout(50) })) expect(version).toBe(0);
    const again = left.watch();
    await again.return!();
    expect(await hear(again)).toBe("end");
    expect(() => dataset.watch({ pollMs: -1 })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
