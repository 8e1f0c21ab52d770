import { expect, test } from "vitest";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { instantiateCore, loadCoreKernels } from "../../src/kernels/core.ts";
import { callKernel, createKernelMemory, kernelMemoryBytes, withBuffers } from "../../src/kernels/memory.ts";
import { createTestRuntime, useTestRuntime } from "../support/test-runtime.ts";

test("a module that fails to load may be asked for again", async () => {
  useTestRuntime({ loadKernelModule: () => Promise.reject(new Error("offline")) });
  await expect(loadCoreKernels()).rejects.toThrow("offline");
  await expect(loadBuildKernels()).rejects.toThrow("offline");
  useTestRuntime();
  const core = await loadCoreKernels();
  expect(await loadCoreKernels()).toBe(core);
});

test("buffers are zeroed, aligned, keep their bytes over growth, and free once", async () => {
  const core = await loadCoreKernels();
  const first = core.allocate(10);
  expect(first.pointer % 16).toBe(0);
  expect(first.bytes()).toEqual(new Uint8Array(10));
  first.bytes().fill(7);
  const old = first.bytes();
  const before = core.memoryBytes();
  const large = core.allocate(before + 1_000_000);
  expect(core.memoryBytes()).toBeGreaterThan(before);
  expect(old.byteLength).toBe(0);
  expect(first.bytes()).toEqual(new Uint8Array(10).fill(7));
  expect(kernelMemoryBytes()).toBeGreaterThanOrEqual(core.memoryBytes());
  for (const buffer of [first, large]) {
    buffer.free();
    buffer.free();
    expect(() => buffer.bytes()).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  }
});

test("freed memory is used again: a thousand rounds do not grow it", async () => {
  const core = await loadCoreKernels();
  const round = () => {
    const topK = core.createTopK(10);
    const buffers = [core.allocate(100_000), core.allocate(0), core.allocate(33)];
    core.distances("l2", new Float32Array(8), new Float32Array(8000), 8);
    core.decodeRoaring(core.encodeRoaring(Uint32Array.of(1, 2, 3)), 10);
    expect(() => core.decodeRoaring(Uint8Array.of(1), 10)).toThrow();
    for (const buffer of buffers) buffer.free();
    topK.finish();
  };
  for (let i = 0; i < 10; i++) round();
  const before = core.memoryBytes();
  for (let i = 0; i < 1000; i++) round();
  expect(core.memoryBytes()).toBe(before);
});

test("memory that cannot grow, and sizes that are none, are coded errors", async () => {
  const core = await loadCoreKernels();
  expect(() => core.allocate(2 ** 32 - 1)).toThrow(expect.objectContaining({ code: "QUOTA_EXCEEDED" }));
  for (const size of [-1, 0.5, Number.NaN, 2 ** 32]) {
    expect(() => core.allocate(size)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  }
  expect(core.distances("l2", Float32Array.of(1), Float32Array.of(3), 1)[0]).toBe(4);
});

test("a thread has one instance, however often it is asked", async () => {
  const module = await createTestRuntime().loadKernelModule("core");
  const [a, b] = [instantiateCore(module), instantiateCore(module)];
  const buffer = a.allocate(8);
  expect(b.memoryBytes()).toBe(a.memoryBytes());
  buffer.free();
});

test("what a kernel throws becomes a LanceError", () => {
  const thrown = (error: unknown) => () =>
    callKernel(
      () => {
        throw error;
      },
      { page: 3 },
    );
  expect(thrown("CORRUPT:a: b")).toThrow(
    expect.objectContaining({ code: "CORRUPT", message: "a: b", details: { page: 3 } }),
  );
  expect(thrown(new WebAssembly.RuntimeError("unreachable"))).toThrow(
    expect.objectContaining({ code: "WORKER_FAILED" }),
  );
  expect(thrown(new TypeError("x"))).toThrow(TypeError);
});

test("small copies of nested calls lie side by side, keep over growth and cost no allocation; large ones are freed", () => {
  const host = new WebAssembly.Memory({ initial: 4 });
  const calls: string[] = [];
  let next = 16;
  const memory = createKernelMemory({
    memory: host,
    allocateBytes(byteLength) {
      calls.push(`allocate ${byteLength}`);
      next += byteLength;
      return next - byteLength;
    },
    freeBytes: (_pointer, byteLength) => void calls.push(`free ${byteLength}`),
  });
  const read = ({ pointer }: { pointer: number }, length: number) => [...new Uint8Array(host.buffer, pointer, length)];
  const round = () =>
    withBuffers(memory, ({ copyIn }) => {
      const outer = copyIn(Uint8Array.of(1, 2, 3));
      const inner = withBuffers(memory, (scope) => {
        const floats = scope.copyIn(Float32Array.of(1));
        host.grow(1);
        const bytes = scope.copyIn(Uint8Array.of(9));
        expect([read(floats, 4), read(bytes, 1)]).toEqual([[0, 0, 128, 63], [9]]);
        expect([floats.pointer % 16, bytes.pointer % 16]).toEqual([0, 0]);
        return floats.pointer;
      });
      expect(copyIn(Uint8Array.of(4)).pointer).toBe(inner);
      expect(read(outer, 3)).toEqual([1, 2, 3]);
      return outer.pointer;
    });
  const first = round();
  expect(round()).toBe(first);
  expect(calls).toEqual(["allocate 65536"]);
  withBuffers(memory, ({ copyIn }) => {
    const large = copyIn(new Uint8Array(65_537).fill(5));
    expect(read(large, 2)).toEqual([5, 5]);
  });
  expect(calls.slice(1)).toEqual(["allocate 65537", "free 65537"]);
  const fail = () =>
    withBuffers(memory, ({ copyIn }) => {
      copyIn(Uint8Array.of(1));
      throw new Error("inside");
    });
  expect(fail).toThrow("inside");
  expect(round()).toBe(first);
});
