import { formatBytes, formatCount, h } from "../dom.ts";

/** What the header's chips tell. */
export interface Status {
  readonly rows: number | null;
  readonly version: number | null;
  readonly rung: string | null;
  readonly rungReason: string | null;
  readonly persisted: boolean | null;
  readonly usedBytes: number | null;
  readonly quotaBytes: number | null;
  readonly online: boolean;
  readonly offlineReady: boolean;
}

export function drawStatus(bar: HTMLElement, status: Status): void {
  bar.replaceChildren(
    ...[
      status.rows === null
        ? null
        : chip(`${formatCount(status.rows)} rows · version ${status.version}`, "good", "Rows and version of the table"),
      status.rung === null ? null : drawStorage(status),
      status.online
        ? chip(
            status.offlineReady && status.rows !== null ? "ready for offline" : "online",
            "good",
            "The page's own files are kept once loaded",
          )
        : chip("offline", "warn", "No network: everything is answered from this device"),
    ].filter((node) => node !== null),
  );
}

function drawStorage(status: Status): HTMLElement {
  const names: Record<string, string> = { opfs: "OPFS", indexeddb: "IndexedDB", memory: "memory only" };
  const used = status.usedBytes === null ? "" : ` · ${formatBytes(status.usedBytes)}`;
  const kept = status.rung === "memory" || status.persisted === false;
  const risk = status.rung === "memory" ? "gone when the tab closes" : status.persisted ? "kept" : "may be evicted";
  const title = [
    status.rungReason,
    status.quotaBytes === null ? null : `room for ${formatBytes(status.quotaBytes)}`,
    status.persisted ? "the browser promised to keep it" : "the browser may remove it when the disk runs full",
  ]
    .filter(Boolean)
    .join("; ");
  return chip(`${names[status.rung ?? ""] ?? status.rung}${used} · ${risk}`, kept ? "warn" : "good", title);
}

function chip(text: string, tone: "good" | "warn", title: string): HTMLElement {
  return h("span", { class: "chip", "data-tone": tone, title }, text);
}
