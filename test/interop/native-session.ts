import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll } from "vitest";
import { useTestRuntime } from "../support/test-runtime.ts";

const LOOP = `
import json, sys, traceback
import lance, pyarrow as pa
scope = {"lance": lance, "pa": pa, "json": json}
for line in sys.stdin:
    try:
        code = json.loads(line)
        scope["out"] = None
        exec(code, scope)
        answer = {"out": scope["out"]}
    except Exception as error:
        answer = {"error": type(error).__name__ + ": " + str(error) + "\\n" + traceback.format_exc()}
    print("\\x01" + json.dumps(answer), flush=True)
`;

/** A Python process with native Lance that keeps its handles between calls: what two programs at one table are. */
export interface NativeSession {
  /** Runs statements; what they leave in `out` comes back. */
  run(code: string): Promise<unknown>;
  close(): void;
}

/** Gives the tests of a file a directory and a process in it, and takes both away after them. */
export function useNativeSession(
  begin: (session: { readonly directory: string; readonly native: NativeSession }) => Promise<void>,
): void {
  let directory: string | undefined;
  let native: NativeSession | undefined;
  beforeAll(async () => {
    useTestRuntime();
    directory = await mkdtemp(join(tmpdir(), "lancelet-"));
    native = openNativeSession(directory);
    await begin({ directory, native });
  });
  afterAll(async () => {
    native?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });
}

/** @param directory where the process runs, so that tables are named by their directory */
export function openNativeSession(directory: string): NativeSession {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  const child: ChildProcessWithoutNullStreams = spawn(python, ["-c", LOOP], { cwd: directory });
  const waiting: { resolve: (out: unknown) => void; reject: (error: Error) => void }[] = [];
  let log = "";
  child.stderr.on("data", (chunk) => {
    log = (log + chunk).slice(-4000);
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith("\u0001")) return;
    const { out, error } = JSON.parse(line.slice(1)) as { out?: unknown; error?: string };
    const next = waiting.shift();
    if (error === undefined) next?.resolve(out);
    else next?.reject(new Error(error));
  });
  child.on("exit", (code) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`Python ended with ${code}: ${log}`));
  });
  return {
    run: (code) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify(code)}\n`);
      }),
    close: () => child.stdin.end(),
  };
}
