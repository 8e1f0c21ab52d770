/**
 * Keeps the page's own files: everything the build lists in precache.json. The table is not among them: it is copied
 * into the device's storage by the page itself.
 */
const worker = globalThis as unknown as ServiceWorkerGlobalScope;

interface Precache {
  readonly version: string;
  readonly files: readonly string[];
  /** Further files, by whether this device can run the module `probe`. */
  readonly relaxedSimd: {
    readonly probe: readonly number[];
    readonly with: readonly string[];
    readonly without: readonly string[];
  };
}

const PREFIX = "lancelet-page-";
const scope = new URL("./", worker.location.href);

async function readPrecache(): Promise<Precache> {
  const response = await fetch(new URL("precache.json", scope), { cache: "no-store" });
  if (!response.ok) throw new Error(`precache.json: status ${response.status}`);
  return response.json();
}

async function install(): Promise<void> {
  const { version, files, relaxedSimd } = await readPrecache();
  const kernels = WebAssembly.validate(Uint8Array.from(relaxedSimd.probe)) ? relaxedSimd.with : relaxedSimd.without;
  const cache = await caches.open(PREFIX + version);
  // asks whether each is still the same: what the page has just fetched does not travel twice
  await cache.addAll([...files, ...kernels].map((file) => new Request(new URL(file, scope), { cache: "no-cache" })));
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  const { version } = await readPrecache().catch(() => ({ version: undefined }));
  if (version !== undefined) {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== PREFIX + version);
    await Promise.all(old.map((name) => caches.delete(name)));
  }
  await worker.clients.claim();
}

async function respond(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const page = request.mode === "navigate" && url.href.startsWith(scope.href);
  const kept = await caches.match(page ? new URL("index.html", scope).href : request, { ignoreSearch: page });
  return kept ?? fetch(request);
}

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || request.headers.has("range") || !request.url.startsWith(scope.href)) return;
  event.respondWith(respond(request));
});
