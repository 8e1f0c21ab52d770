import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

/** A thread keeps the module it loaded, so each run takes all files anew. */
async function build(metric: string, relaxedSimd: "on" | "off"): Promise<Map<string, Uint8Array>> {
  vi.resetModules();
  vi.stubEnv("LANCELET_RELAXED_SIMD", relaxedSimd);
  const { buildEveryType } = await import("./build-every-type.ts");
  const { loadCoreKernels } = await import("../../src/kernels/core.ts");
  const files = await buildEveryType(metric);
  // That the two runs computed with different modules: fused sums differ somewhere.
  const core = await loadCoreKernels();
  const vectors = Float32Array.from({ length: 6400 }, (_, i) => Math.sin(i));
  files.set("distances", new Uint8Array(core.distances("l2", vectors.subarray(0, 64), vectors, 64).buffer));
  return files;
}

test.each(["l2", "cosine"])(
  "segments and merges have the same bytes with relaxed SIMD and without: %s",
  async (metric) => {
    const [relaxed, plain] = [await build(metric, "on"), await build(metric, "off")];
    expect(relaxed.get("distances")).not.toEqual(plain.get("distances"));
    expect(relaxed.size).toBeGreaterThan(7 * 3 * 2);
    expect([...relaxed.keys()]).toEqual([...plain.keys()]);
    const different = [...relaxed].filter(([name, bytes]) => Buffer.compare(bytes, plain.get(name)!) !== 0);
    expect(different.map(([name]) => name)).toEqual(["distances"]);
  },
);
