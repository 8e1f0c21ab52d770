/** Roaring's portable format in plain steps (RoaringFormatSpec), run containers where they are asked for. */

interface Container {
  readonly key: number;
  readonly values: number[];
}

function split(values: ArrayLike<number>): Container[] {
  const containers: Container[] = [];
  for (const value of Array.from(values)) {
    const key = Math.floor(value / 65_536);
    if (containers.at(-1)?.key !== key) containers.push({ key, values: [] });
    containers.at(-1)!.values.push(value % 65_536);
  }
  return containers;
}

function findRuns(values: readonly number[]): [start: number, length: number][] {
  const runs: [number, number][] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last && last[0] + last[1] === value) last[1]++;
    else runs.push([value, 1]);
  }
  return runs;
}

const u16 = (value: number) => [value & 0xff, (value >> 8) & 0xff];
const u32 = (value: number) => [...u16(value & 0xffff), ...u16(value >>> 16)];

function encodeBody(values: readonly number[], runs: boolean): number[] {
  if (runs) {
    const found = findRuns(values);
    return [...u16(found.length), ...found.flatMap(([start, length]) => [...u16(start), ...u16(length - 1)])];
  }
  if (values.length <= 4096) return values.flatMap(u16);
  const bits = new Array<number>(8192).fill(0);
  for (const value of values) bits[value >> 3]! |= 1 << (value & 7);
  return bits;
}

/** @param runs write every second container as runs */
export function referenceEncode(values: ArrayLike<number>, runs: boolean): Uint8Array {
  const containers = split(values);
  const isRun = (i: number) => runs && i % 2 === 0;
  const bodies = containers.map(({ values }, i) => encodeBody(values, isRun(i)));
  const head: number[] = [];
  if (runs) {
    head.push(...u32(((containers.length - 1) << 16) | 12347));
    const flags = new Array<number>(Math.ceil(containers.length / 8)).fill(0);
    containers.forEach((_, i) => {
      if (isRun(i)) flags[i >> 3]! |= 1 << (i & 7);
    });
    head.push(...flags);
  } else head.push(...u32(12346), ...u32(containers.length));
  for (const { key, values } of containers) head.push(...u16(key), ...u16(values.length - 1));
  if (!runs || containers.length >= 4) {
    let offset = head.length + containers.length * 4;
    for (const body of bodies) {
      head.push(...u32(offset));
      offset += body.length;
    }
  }
  return Uint8Array.from(head.concat(...bodies));
}

/** Reads well-formed bytes. */
export function referenceDecode(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cookie = view.getUint32(0, true);
  const runs = (cookie & 0xffff) === 12347;
  const count = runs ? (cookie >>> 16) + 1 : view.getUint32(4, true);
  const flags = 4;
  const header = runs ? 4 + Math.ceil(count / 8) : 8;
  let at = header + count * 4 + (!runs || count >= 4 ? count * 4 : 0);
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    const base = view.getUint16(header + i * 4, true) * 65_536;
    const size = view.getUint16(header + i * 4 + 2, true) + 1;
    if (runs && (bytes[flags + (i >> 3)]! >> (i & 7)) & 1) {
      const numRuns = view.getUint16(at, true);
      for (let r = 0; r < numRuns; r++) {
        const start = view.getUint16(at + 2 + r * 4, true);
        for (let j = 0; j <= view.getUint16(at + 4 + r * 4, true); j++) values.push(base + start + j);
      }
      at += 2 + numRuns * 4;
    } else if (size <= 4096) {
      for (let j = 0; j < size; j++) values.push(base + view.getUint16(at + j * 2, true));
      at += size * 2;
    } else {
      for (let j = 0; j < 65_536; j++) if ((bytes[at + (j >> 3)]! >> (j & 7)) & 1) values.push(base + j);
      at += 8192;
    }
  }
  return values;
}
