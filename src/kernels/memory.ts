const memories = new Set<WebAssembly.Memory>();

/** Counts a module's memory among this thread's. Called once per instance, for the thread's life. */
export function trackKernelMemory(memory: WebAssembly.Memory): void {
  memories.add(memory);
}

/** Bytes of WASM memory this thread holds. It never shrinks: only a new thread frees it. */
export function kernelMemoryBytes(): number {
  let total = 0;
  for (const memory of memories) total += memory.buffer.byteLength;
  return total;
}
