import { LanceError } from "../errors.ts";

/** Fetches and compiles one module, while it streams where the server names its type. */
export async function fetchModule(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new LanceError("IO", `GET ${url} answered ${response.status}: expected the module beside the script`, {
      url: url.href,
      status: response.status,
    });
  }
  const type = response.headers.get("content-type")?.split(";")[0]?.trim();
  if (type === "application/wasm") return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
