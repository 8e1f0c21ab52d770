import { LanceError, type LanceErrorCode } from "../errors.ts";

/** Bytes inside a module's memory. Holds no view: growth detaches every view taken before. */
export interface WasmBuffer {
  readonly byteLength: number;
  /** Byte offset in the module's memory, a multiple of 16. @throws INVALID_ARGUMENT once freed */
  readonly pointer: number;
  /** A view taken now; take it again after any call into the module. @throws INVALID_ARGUMENT once freed */
  bytes(): Uint8Array;
  /** Gives the bytes back. Calling it again does nothing. */
  free(): void;
}

/** What every module exports, as its generated glue names it. */
export interface KernelExports {
  readonly memory: WebAssembly.Memory;
  readonly allocateBytes: (byteLength: number) => number;
  readonly freeBytes: (pointer: number, byteLength: number) => void;
}

/** The memory of one module instance. It grows and never shrinks. */
export interface KernelMemory {
  /** Bytes the module holds from the host, used or not. */
  byteLength(): number;
  /** `byteLength` zeroed bytes. @throws QUOTA_EXCEEDED when memory cannot grow, INVALID_ARGUMENT for a bad size */
  allocate(byteLength: number): WasmBuffer;
  /** Copies a view's bytes in. @throws as allocate */
  copyIn(view: ArrayBufferView): WasmBuffer;
  /** Room for small copies that live as long as one call. */
  readonly scratch: Scratch;
}

/** Copies one above the other, without a call into the module: calls with small arguments then cost little more. */
interface Scratch {
  /** Where the next copy comes; `reset` with it gives back all that were made since. */
  mark(): number;
  reset(mark: number): void;
  /** `undefined` where there is no room. */
  copyIn(view: ArrayBufferView): WasmBuffer | undefined;
}

const CODES: readonly LanceErrorCode[] = ["CORRUPT", "INVALID_ARGUMENT", "UNSUPPORTED", "QUOTA_EXCEEDED"];

const SCRATCH_BYTES = 64 * 1024;

/** Largest size a 32-bit module can address. */
const MAX_BYTES = 2 ** 32 - 1;

/** Memories of the instances on this thread: one a module, for as long as the thread lives. */
const memories = new Set<WebAssembly.Memory>();

/** Bytes of WASM memory all modules of this thread hold. A worker that outgrew its share is known by it. */
export function kernelMemoryBytes(): number {
  let total = 0;
  for (const memory of memories) total += memory.buffer.byteLength;
  return total;
}

/** Wraps the exports of an instance. */
export function createKernelMemory(exports: KernelExports): KernelMemory {
  memories.add(exports.memory);
  const allocate = (byteLength: number): WasmBuffer => {
    if (!Number.isInteger(byteLength) || byteLength < 0 || byteLength > MAX_BYTES) {
      throw new LanceError("INVALID_ARGUMENT", `a WASM buffer needs 0 to ${MAX_BYTES} bytes, not ${byteLength}`, {
        byteLength,
      });
    }
    const pointer = exports.allocateBytes(byteLength);
    if (pointer === 0) {
      const memoryBytes = exports.memory.buffer.byteLength;
      throw new LanceError("QUOTA_EXCEEDED", `WASM memory (${memoryBytes} bytes) cannot grow by ${byteLength} bytes`, {
        byteLength,
        memoryBytes,
      });
    }
    let live = true;
    const check = () => {
      if (!live) throw new LanceError("INVALID_ARGUMENT", "a WASM buffer was used after free()", { pointer });
    };
    return {
      byteLength,
      get pointer() {
        check();
        return pointer;
      },
      bytes() {
        check();
        return new Uint8Array(exports.memory.buffer, pointer, byteLength);
      },
      free() {
        if (live) exports.freeBytes(pointer, byteLength);
        live = false;
      },
    };
  };
  return {
    byteLength: () => exports.memory.buffer.byteLength,
    allocate,
    copyIn(view) {
      const buffer = allocate(view.byteLength);
      buffer.bytes().set(viewBytes(view));
      return buffer;
    },
    scratch: createScratch(exports.memory, allocate),
  };
}

function createScratch(memory: WebAssembly.Memory, allocate: (byteLength: number) => WasmBuffer): Scratch {
  // At once, below all else: later it would lie between buffers, and part the room they leave for larger ones.
  const start = allocate(SCRATCH_BYTES).pointer;
  let used = 0;
  let all = new Uint8Array(0);
  return {
    mark: () => used,
    reset(mark) {
      used = mark;
    },
    copyIn(view) {
      const { byteLength } = view;
      if (used + byteLength > SCRATCH_BYTES) return undefined;
      // A memory that grew has another buffer.
      if (all.buffer !== memory.buffer) all = new Uint8Array(memory.buffer);
      const pointer = start + used;
      all.set(viewBytes(view), pointer);
      used = (used + byteLength + 15) & ~15;
      return {
        byteLength,
        pointer,
        bytes: () => new Uint8Array(memory.buffer, pointer, byteLength),
        free: () => {},
      };
    },
  };
}

function viewBytes(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * Runs a call into a module. Kernels throw `CODE:message`, which becomes a `LanceError` with `details`.
 *
 * @throws CORRUPT, INVALID_ARGUMENT, UNSUPPORTED, QUOTA_EXCEEDED from the kernel; WORKER_FAILED for a trap, after which
 * the instance must not be used
 */
export function callKernel<T>(call: () => T, details: Readonly<Record<string, unknown>> = {}): T {
  try {
    return call();
  } catch (error) {
    if (typeof error === "string") {
      const split = error.indexOf(":");
      const code = CODES.find((known) => known === error.slice(0, split));
      if (code) throw new LanceError(code, error.slice(split + 1), details);
    }
    if (error instanceof WebAssembly.RuntimeError) {
      throw new LanceError("WORKER_FAILED", `a kernel trapped: ${error.message}`, details, { cause: error });
    }
    throw error;
  }
}

/**
 * Runs `body` with buffers that are freed when it ends, also when it throws.
 *
 * @param body takes `allocate` and `copyIn` as {@link KernelMemory} has them; at once
 */
export function withBuffers<T>(memory: KernelMemory, body: (scope: Pick<KernelMemory, "allocate" | "copyIn">) => T): T {
  const { scratch } = memory;
  const mark = scratch.mark();
  const buffers: WasmBuffer[] = [];
  const keep = (buffer: WasmBuffer): WasmBuffer => {
    buffers.push(buffer);
    return buffer;
  };
  try {
    return body({
      allocate: (byteLength) => keep(memory.allocate(byteLength)),
      copyIn: (view) => scratch.copyIn(view) ?? keep(memory.copyIn(view)),
    });
  } finally {
    for (const buffer of buffers) buffer.free();
    scratch.reset(mark);
  }
}

/** Copies a buffer's first `count` values out as f32. */
export function copyFloat32(buffer: WasmBuffer, count: number): Float32Array<ArrayBuffer> {
  const bytes = buffer.bytes();
  return new Float32Array(bytes.buffer, bytes.byteOffset, count).slice() as Float32Array<ArrayBuffer>;
}

/** Copies a buffer's first `count` values out as u32. */
export function copyUint32(buffer: WasmBuffer, count: number): Uint32Array<ArrayBuffer> {
  const bytes = buffer.bytes();
  return new Uint32Array(bytes.buffer, bytes.byteOffset, count).slice() as Uint32Array<ArrayBuffer>;
}
