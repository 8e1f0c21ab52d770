import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Runs the real `workerd` on `worker.js` and the compiled modules in `folder`. */
export async function startWorkerd(folder: string, binary: string): Promise<{ url: string; close(): void }> {
  await writeFile(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "wasm/core_bg.wasm", wasm = embed "wasm/core_bg.wasm"),
    (name = "wasm/build_bg.wasm", wasm = embed "wasm/build_bg.wasm"),
  ],
  compatibilityDate = "2025-09-01",
);
`,
  );
  // It takes a free port itself and says which on its control channel.
  const child = spawn(binary, ["serve", "--control-fd=3", "config.capnp"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
  const port = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`workerd ended with ${code} before it listened:\n${output}`)));
    createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
      const { event, port } = JSON.parse(line) as { event: string; port?: number };
      if (event === "listen") resolve(port!);
    });
  });
  return { url: `http://127.0.0.1:${port}/`, close: () => void child.kill() };
}
