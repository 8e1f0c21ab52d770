import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

/** Runs the real `workerd` on `worker.js` and the compiled modules in `folder`. */
export async function startWorkerd(folder: string, binary: string): Promise<{ url: string; close(): void }> {
  const port = await findFreePort();
  await writeFile(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
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
  const child = spawn(binary, ["serve", "config.capnp"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let exited = false;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  child.on("exit", () => {
    exited = true;
  });
  const url = `http://127.0.0.1:${port}/`;
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (exited || tries > 200) {
      child.kill();
      throw new Error(`workerd did not start:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { url, close: () => void child.kill() };
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function accepts(port: number): Promise<boolean> {
  const { connect } = await import("node:net");
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
