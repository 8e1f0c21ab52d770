import { existsSync } from "node:fs";
import { root } from "./ensure-packages.mjs";
import { findChromium } from "./find-chromium.mjs";
import { probe, run, runOrThrow } from "./run.mjs";

/**
 * A Chromium to test with: CHROMIUM_PATH, the system's, Playwright's; else one is installed.
 *
 * @returns {Promise<string>} its path
 * @throws with one line that says what to do
 */
export async function ensureChromium() {
  const found = findChromium() ?? (await findPlaywrights());
  if (found) return found;
  if (process.getuid?.() === 0 && (await probe("apt-get", ["--version"]))) {
    console.log("installing Debian's chromium");
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await run("apt-get", ["update"], { env, label: "apt-get update" });
    await run("apt-get", ["install", "-y", "--no-install-recommends", "chromium"], { env, label: "apt-get install" });
    const installed = findChromium();
    if (installed) return installed;
  }
  console.log("installing Playwright's Chromium");
  try {
    await runOrThrow("npx", ["playwright", "install", "chromium"], { cwd: root, label: "playwright install" });
  } catch {
    throw new Error("no Chromium: install one, or set CHROMIUM_PATH to one, and run this again");
  }
  const installed = await findPlaywrights();
  if (installed) return installed;
  throw new Error("no Chromium: install one, or set CHROMIUM_PATH to one, and run this again");
}

async function findPlaywrights() {
  const { chromium } = await import("playwright");
  const path = chromium.executablePath();
  return existsSync(path) ? path : undefined;
}
