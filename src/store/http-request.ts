import { throwIfAborted } from "../errors.ts";
import { explainFetchFailure } from "./http-errors.ts";
import { cancelBody } from "./http-response.ts";
import { isMutablePath } from "./mutable-paths.ts";
import { onAbort } from "./on-abort.ts";

/** How a store speaks to its host. */
export interface HttpTransport {
  readonly fetch: typeof globalThis.fetch;
  readonly headers: Readonly<Record<string, string>>;
  readonly credentials?: RequestCredentials;
  /** Extra attempts after 408, 429 and 5xx. */
  readonly maxRetries: number;
}

const RETRY_STATUS = new Set([408, 429, 500, 502, 503, 504]);
const FIRST_DELAY_MS = 100;

/**
 * One GET, with a `Range` header where given, repeated while the host is overloaded.
 * @throws ABORTED, IO when nothing was answered
 */
export async function requestObject(
  transport: HttpTransport,
  target: {
    url: string;
    path: string;
    range?: string | undefined;
    /** Default: the hint and the refs are revalidated. */
    revalidate?: boolean;
    signal?: AbortSignal | undefined;
  },
): Promise<Response> {
  const { url, path, range, signal, revalidate = isMutablePath(path) } = target;
  const init: RequestInit = {
    headers: range === undefined ? transport.headers : { ...transport.headers, range },
    ...(transport.credentials ? { credentials: transport.credentials } : {}),
    ...(signal ? { signal } : {}),
    // Everything but the hint and the refs is written once, so the HTTP cache may answer.
    ...(revalidate ? { cache: "no-cache" } : {}),
  };
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal);
    let response: Response;
    try {
      response = await transport.fetch(url, init);
    } catch (error) {
      throwIfAborted(signal);
      throw explainFetchFailure(error, path, url);
    }
    if (!RETRY_STATUS.has(response.status) || attempt >= transport.maxRetries) return response;
    await cancelBody(response);
    await delay(FIRST_DELAY_MS * 4 ** attempt, signal);
  }
}

function delay(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stopListening();
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    const stopListening = onAbort(signal, done);
  });
}
