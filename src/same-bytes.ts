/** Whether two arrays of bytes are the same. Models of tens of megabytes are compared: a plain loop, some 1 ms a megabyte. */
export function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
