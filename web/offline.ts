/** Registers the service worker that keeps the page's own files. Resolves once they are all kept. */
export async function keepPageOffline(): Promise<boolean> {
  if (!("serviceWorker" in navigator)) return false;
  try {
    await navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI));
    await navigator.serviceWorker.ready;
    return true;
  } catch {
    // private windows and file: pages have none: the page then works online only, and its status says so
    return false;
  }
}
