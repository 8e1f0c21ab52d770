import { createMemoryStore, type Dataset, isLanceError, openBrowserStore, openDataset, type Store } from "lancelet";

/** The table as the page holds it, and where it is kept. */
export interface DeviceTable {
  readonly dataset: Dataset;
  readonly store: Store;
  /** Rung of the storage ladder that was taken, and why not a better one. */
  readonly rung: string;
  readonly reason: string;
}

/** How far the copy onto the device is. */
export interface CopyProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Opens the table kept on this device; on the first visit it is copied here from beside the page. */
export async function openDeviceTable(onCopy: (progress: CopyProgress) => void): Promise<DeviceTable> {
  const { store, rung, message: reason } = await openBrowserStore("packages.lance");
  try {
    return { dataset: await openDataset(store), store, rung, reason };
  } catch (error) {
    if (!isLanceError(error, "NOT_FOUND")) throw error;
  }
  // the bundled table has one version: naming it saves the page from asking the server for newer ones
  const bundled = await openDataset(new URL("packages.lance", document.baseURI).href, { version: 1 });
  try {
    await bundled.copyTo(store, { onProgress: onCopy });
    return { dataset: await openDataset(store), store, rung, reason };
  } catch (error) {
    if (!isLanceError(error, "QUOTA_EXCEEDED")) throw error;
    const memory = createMemoryStore();
    await bundled.copyTo(memory, { onProgress: onCopy });
    const hint = "this browser gives the page too little room, as private windows do: held in memory for this visit";
    return { dataset: await openDataset(memory), store: memory, rung: "memory", reason: hint };
  } finally {
    await bundled.close();
  }
}

/** What the browser says about keeping our bytes. */
export interface StorageFacts {
  readonly persisted: boolean;
  readonly usedBytes: number | null;
  readonly quotaBytes: number | null;
}

/** Asks the browser to keep what is stored, and how much room there is. */
export async function readStorageFacts(): Promise<StorageFacts> {
  const storage = navigator.storage as StorageManager | undefined;
  const [persisted, estimate] = await Promise.all([
    storage?.persist?.().catch(() => false) ?? false,
    storage?.estimate?.().catch(() => null) ?? null,
  ]);
  return { persisted, usedBytes: estimate?.usage ?? null, quotaBytes: estimate?.quota ?? null };
}
