import { spawn } from "node:child_process";

/**
 * Runs a program to its end. Its output is shown as it comes with `show`, else only when it fails; a silent program
 * is said to be still running every half minute.
 *
 * @returns {Promise<{ code: number, output: string, seconds: number }>}
 */
export function run(program, args, { cwd, env = {}, show = false, label = program } = {}) {
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32" && program === "npm",
    });
    const chunks = [];
    let lastShownMs = performance.now();
    const heartbeat = setInterval(() => {
      if (performance.now() - lastShownMs > 29_000) console.log(`    … ${label}: ${seconds().toFixed(0)} s`);
    }, 30_000);
    const keep = (chunk) => {
      chunks.push(chunk);
      if (!show) return;
      lastShownMs = performance.now();
      process.stdout.write(chunk);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const finish = (code) => {
      clearInterval(heartbeat);
      resolve({ code, output: Buffer.concat(chunks).toString(), seconds: seconds() });
    };
    child.on("error", (error) => {
      chunks.push(Buffer.from(`${error.message}\n`));
      finish(127);
    });
    child.on("close", (code, signal) => finish(code ?? (signal ? 1 : 0)));
  });
}

/** As {@link run}. @throws with the ends of the program's output when it fails */
export async function runOrThrow(program, args, options = {}) {
  const result = await run(program, args, options);
  if (result.code === 0) return result;
  const lines = result.output.trimEnd().split("\n");
  const ends = lines.length > 50 ? [...lines.slice(0, 20), "…", ...lines.slice(-30)] : lines;
  throw new Error([`${options.label ?? program} ended with ${result.code}`, ...(options.show ? [] : ends)].join("\n"));
}

/** The first line a program prints, or undefined where it is absent or fails. */
export async function probe(program, args) {
  const { code, output } = await run(program, args);
  return code === 0 ? output.trim().split("\n")[0] : undefined;
}
