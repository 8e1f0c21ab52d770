import type { KernelModuleName } from "../runtime.ts";
import { hasRelaxedSimd } from "./relaxed-simd.ts";

/** How a runtime picks among builds of one module. */
export interface ModuleChoice {
  /** False takes the plain build of `core` also where the host has relaxed SIMD: to compare, and to find faults. */
  readonly relaxedSimd?: boolean;
}

// Bundlers look for these literals as they stand. One file of `core` is fetched, never both.
const urls: Readonly<Record<KernelModuleName | "relaxedCore", () => URL>> = {
  core: () => new URL("../../wasm/pkg/core/core_bg.wasm", import.meta.url),
  relaxedCore: () => new URL("../../wasm/pkg/core/core_relaxed_bg.wasm", import.meta.url),
  build: () => new URL("../../wasm/pkg/build/build_bg.wasm", import.meta.url),
};

/**
 * Where a module lies: of `core` the build with relaxed SIMD, where this host runs it. Both compute the same, but for
 * the last bits of distances; `build`, which makes what is stored, has no such twin.
 */
export function findModuleUrl(name: KernelModuleName, { relaxedSimd = true }: ModuleChoice = {}): URL {
  return urls[name === "core" && relaxedSimd && hasRelaxedSimd() ? "relaxedCore" : name]();
}
