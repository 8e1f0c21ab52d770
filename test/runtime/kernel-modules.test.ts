import { afterEach, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { memoizeModules, requestKernelModules, serveKernelModules } from "../../src/runtime/kernel-modules.ts";
import type { WorkerEndpoint } from "../../src/runtime.ts";

/** The smallest module there is. */
const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

/** A worker's two ends: what the pool holds, and the worker's own port. */
function connect(): { endpoint: WorkerEndpoint; port: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  for (const port of [port1, port2]) {
    port.start();
    open.push(port);
  }
  return { endpoint: Object.assign(port1, { terminate: () => port1.close() }) as WorkerEndpoint, port: port2 };
}

test("a module is compiled once for all workers, and each is sent it", async () => {
  const compiled: string[] = [];
  const load = memoizeModules(async (name) => {
    compiled.push(name);
    return WebAssembly.compile(EMPTY);
  });
  const workers = [0, 1, 2].map(() => {
    const { endpoint, port } = connect();
    serveKernelModules(endpoint, load);
    return requestKernelModules(port);
  });
  const modules = await Promise.all(workers.flatMap((request) => [request("core"), request("core"), request("build")]));
  expect(modules).toHaveLength(9);
  for (const module of modules) expect(module).toBeInstanceOf(WebAssembly.Module);
  expect(compiled.sort()).toEqual(["build", "core"]);
});

test("a module that cannot be loaded is a coded error in the worker, and is tried again", async () => {
  let tries = 0;
  const load = memoizeModules(async () => {
    if (tries++ === 0) throw new TypeError("offline");
    return WebAssembly.compile(EMPTY);
  });
  const { endpoint, port } = connect();
  serveKernelModules(endpoint, load);
  const request = requestKernelModules(port);
  const error = await request("core").catch((thrown: unknown) => thrown);
  expect(isLanceError(error, "IO")).toBe(true);
  expect(error).toMatchObject({ message: expect.stringContaining("offline") });
  expect(await request("core")).toBeInstanceOf(WebAssembly.Module);
});
