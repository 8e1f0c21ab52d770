import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "./ensure-packages.mjs";
import { probe, run, runOrThrow } from "./run.mjs";

/** Native Lance, the other side of the interop tests. */
const PYLANCE = "14.0.2";

/**
 * A Python that imports `lance` 14.0.2: LANCELET_PYTHON, or a virtual environment in the checkout's cache.
 *
 * @returns {Promise<{ python?: string, absent?: string }>} `absent` says why there is none
 */
export async function ensurePython() {
  const given = process.env.LANCELET_PYTHON;
  if (given) return (await hasPylance(given)) ? { python: given } : { absent: `${given} has no pylance ${PYLANCE}` };
  const folder = join(cacheFolder, `venv-${PYLANCE}`);
  const python = join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  if (existsSync(python) && (await hasPylance(python))) return { python };
  const system = (await probe("python3", ["--version"])) ? "python3" : undefined;
  if (!system) return { absent: "python3 is not installed" };
  console.log(`installing pylance ${PYLANCE} into a virtual environment; this takes about a minute`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(cacheFolder, { recursive: true });
  const made = await run(system, ["-m", "venv", folder]);
  if (made.code !== 0) return { absent: "python3 cannot make a virtual environment (Debian: install python3-venv)" };
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "-q", `pylance==${PYLANCE}`, "pyarrow", "numpy"];
  await runOrThrow(python, pip, { label: "pip install" });
  return { python };
}

async function hasPylance(python) {
  return (await probe(python, ["-c", "import lance; print(lance.__version__)"])) === PYLANCE;
}
