import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromiumArgs, findChromium } from "./test/tools/find-chromium.mjs";
import { precache } from "./web/precache-plugin.ts";

const chromium = findChromium();

/**
 * Limits that only a hang comes near: a slow machine that does other work too takes many times as long as a quiet one.
 */
const limits = { testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  root: process.env.VITEST ? "." : "web",
  base: "./",
  resolve: { alias: { lancelet: fileURLToPath(new URL("./src/entry-browser.ts", import.meta.url)) } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: "web/index.html", "service-worker": "web/service-worker.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js"),
      },
    },
  },
  plugins: [precache(fileURLToPath(new URL("./web/public", import.meta.url)))],
  worker: { format: "es" },
  // Known from the start, so that the development server never finds a package late and gives a page two copies of it.
  optimizeDeps: {
    include: [
      "apache-arrow",
      "@bufbuild/protobuf",
      "@bufbuild/protobuf/codegenv2",
      "comlink/dist/esm/comlink.mjs",
      "idb-keyval",
    ],
  },
  test: {
    teardownTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: [
            "**/node_modules/**",
            "test/**/*.browser.test.ts",
            "test/interop/**",
            "test/runtime/**",
            "test/packaging/**",
            "test/app/**",
          ],
          ...limits,
        },
      },
      {
        extends: true,
        test: {
          // The core kernels again, as hosts without relaxed SIMD have them.
          name: "plain",
          environment: "node",
          include: ["test/kernels/{distances,elements,graph,product,rabit,top-k}.test.ts"],
          env: { LANCELET_RELAXED_SIMD: "off" },
          ...limits,
        },
      },
      {
        extends: true,
        test: {
          name: "interop",
          environment: "node",
          include: ["test/interop/**/*.test.ts"],
          ...limits,
        },
      },
      {
        extends: true,
        test: {
          name: "built",
          environment: "node",
          include: ["test/runtime/**/*.test.ts", "test/packaging/**/*.test.ts", "test/app/**/*.test.ts"],
          ...limits,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["test/**/*.browser.test.ts"],
          ...limits,
          browser: {
            enabled: true,
            connectTimeout: 300_000,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                timeout: limits.hookTimeout,
                ...(chromium ? { executablePath: chromium } : {}),
                args: chromiumArgs,
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
