import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { RELAXED_SIMD_PROBE } from "../src/runtime/relaxed-simd.ts";

/**
 * Lists the page's own files for the service worker: everything the build emits and everything in the public folder
 * but the table, which the page copies into the device's storage itself. The version is a hash over their bytes. Of the
 * two builds of the core kernels a device keeps the one it runs: a module to validate tells which.
 */
export function precache(publicFolder: string): Plugin {
  return {
    name: "lancelet-precache",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const hash = createHash("sha256");
      const files = new Set<string>();
      for (const [name, output] of Object.entries(bundle)) {
        if (name === "service-worker.js" || name.endsWith(".map")) continue;
        files.add(name);
        hash.update(name).update(output.type === "chunk" ? output.code : output.source);
      }
      for (const entry of readdirSync(publicFolder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        const name = path.slice(publicFolder.length + 1);
        if (!entry.isFile() || name.startsWith("packages.lance")) continue;
        files.add(name);
        hash.update(name).update(readFileSync(path));
      }
      files.add("index.html");
      const take = (pattern: RegExp): string[] => {
        const taken = [...files].filter((name) => pattern.test(name));
        for (const name of taken) files.delete(name);
        return taken;
      };
      const relaxedSimd = {
        probe: [...RELAXED_SIMD_PROBE],
        with: take(/core_relaxed_bg-/),
        without: take(/core_bg-/),
      };
      const version = hash.digest("hex").slice(0, 16);
      this.emitFile({
        type: "asset",
        fileName: "precache.json",
        source: JSON.stringify({ version, files: [...files].sort(), relaxedSimd }),
      });
    },
  };
}
