import { type Browser, chromium } from "playwright";
import { chromiumArgs, findChromium } from "./find-chromium.mjs";

/** Milliseconds a page may take for anything: only a hang comes near, on a machine that does other work too. */
export const PAGE_WAIT_MS = 180_000;

/** A quiet, headless Chromium: the system's own, else Playwright's. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  return chromium.launch({
    timeout: PAGE_WAIT_MS,
    args: chromiumArgs,
    ...(executablePath ? { executablePath } : {}),
  });
}
