#!/usr/bin/env node
/** `npm start`: installs what is missing, builds the app, serves it with the bundled table and prints its URL. */
import { join } from "node:path";
import { ensurePackages, findNode, root } from "../test/tools/ensure-packages.mjs";
import { runOrThrow } from "../test/tools/run.mjs";
import { serveFolder } from "./serve.mjs";

try {
  await ensurePackages();
  console.log("building the app");
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const { seconds } = await runOrThrow(findNode(), [vite, "build", "--logLevel", "warn"], {
    cwd: root,
    label: "vite build",
  });
  console.log(`built in ${seconds.toFixed(1)} s`);
  const { url } = await serveFolder(join(root, "web", "dist"), {
    port: Number(process.env.PORT ?? 4173),
    host: process.env.HOST ?? "localhost",
  });
  console.log(`\n  lancelet is at ${url}\n\n  Ctrl+C stops it.`);
} catch (error) {
  console.error(`npm start: ${error.message}`);
  process.exitCode = 1;
}
