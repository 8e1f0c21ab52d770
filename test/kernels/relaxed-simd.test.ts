import { readFile } from "node:fs/promises";
import binaryen from "binaryen";
import { afterEach, describe, expect, test, vi } from "vitest";
import { findModuleUrl } from "../../src/runtime/module-urls.ts";
import { hasRelaxedSimd } from "../../src/runtime/relaxed-simd.ts";
import { relaxedSimdWanted } from "../support/test-runtime.ts";

const readModule = async (path: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL(`../../wasm/pkg/${path}`, import.meta.url)));
const [plain, relaxed, build] = await Promise.all(
  ["core/core_bg.wasm", "core/core_relaxed_bg.wasm", "build/build_bg.wasm"].map(readModule),
);

afterEach(() => vi.restoreAllMocks());

test("this host runs relaxed SIMD: else half of the tests of the core kernels did not run", () => {
  if (!relaxedSimdWanted) return;
  expect(hasRelaxedSimd(), "set LANCELET_RELAXED_SIMD=off to test the plain module only").toBe(true);
});

test("the probe says what the host makes of the module itself", () => {
  expect(hasRelaxedSimd()).toBe(WebAssembly.validate(relaxed!));
});

describe("the module chosen", () => {
  const fileOf = (...args: Parameters<typeof findModuleUrl>) =>
    findModuleUrl(...args)
      .pathname.split("/")
      .at(-1);

  test("of core is the relaxed one where the host runs it and nothing forbids it; build has one", () => {
    for (const [relaxedHost, relaxedSimd, file] of [
      [true, undefined, "core_relaxed_bg.wasm"],
      [true, false, "core_bg.wasm"],
      [false, undefined, "core_bg.wasm"],
      [false, true, "core_bg.wasm"],
    ] as const) {
      vi.spyOn(WebAssembly, "validate").mockReturnValue(relaxedHost);
      const choice = relaxedSimd === undefined ? {} : { relaxedSimd };
      expect(fileOf("core", choice)).toBe(file);
      expect(fileOf("build", choice)).toBe("build_bg.wasm");
    }
  });

  test("takes the same glue as the other", () => {
    const [a, b] = [new WebAssembly.Module(plain!), new WebAssembly.Module(relaxed!)];
    expect(WebAssembly.Module.exports(b)).toEqual(WebAssembly.Module.exports(a));
    expect(WebAssembly.Module.imports(b)).toEqual(WebAssembly.Module.imports(a));
  });
});

test("what makes stored bytes, and the plain core module, have no relaxed instruction", () => {
  const { Features } = binaryen;
  for (const bytes of [plain!, build!]) {
    const module = binaryen.readBinary(bytes);
    module.setFeatures(Features.All & ~Features.RelaxedSIMD);
    expect(Boolean(module.validate())).toBe(true);
    module.dispose();
  }
});
