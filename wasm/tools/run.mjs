import { spawn } from "node:child_process";

/** Runs a program to its end; its output is shown only when it fails, or live with `show`. */
export function run(program, args, { env = process.env, cwd, show = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes) => {
        output.push(bytes);
        if (show) process.stderr.write(bytes);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => {
      const text = Buffer.concat(output).toString();
      if (code === 0) resolve(text);
      else reject(new Error(`${program} ended with ${code}\n${text}`));
    });
  });
}
