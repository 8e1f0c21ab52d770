const GUARDED = [
  "ArrayBuffer",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
] as const;

/** Makes every `new Uint8Array(n)` and the like beyond `limitBytes` throw, and remembers the largest. */
export function guardAllocations(limitBytes: number): { largest(): number; release(): void } {
  const scope = globalThis as unknown as Record<string, new (...values: unknown[]) => object>;
  const originals = GUARDED.map((name) => [name, scope[name]!] as const);
  let largest = 0;
  for (const [name, original] of originals) {
    const { BYTES_PER_ELEMENT: width = 1 } = original as unknown as { BYTES_PER_ELEMENT?: number };
    scope[name] = new Proxy(original, {
      construct(target, values: unknown[], newTarget) {
        const [first] = values;
        const bytes = typeof first === "number" ? first * width : 0;
        largest = Math.max(largest, bytes);
        if (bytes > limitBytes) throw new Error(`${name} of ${bytes} bytes was asked for`);
        return Reflect.construct(target, values, newTarget === scope[name] ? target : newTarget);
      },
    });
  }
  return {
    largest: () => largest,
    release() {
      for (const [name, original] of originals) scope[name] = original;
    },
  };
}
