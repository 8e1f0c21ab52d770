import { type CoreKernels, loadCoreKernels } from "../../../src/kernels/core.ts";
import {
  decodeRanges,
  encodeRangeBitmap,
  joinTreemap,
  splitTreemap,
} from "../../../src/table/row-ids/roaring-treemap.ts";
import { type Corpus, expectThat, type Input, type Seed, type Target } from "../target.ts";

type Kind = "bitmap" | "treemap";

/** Portable Roaring bitmaps and treemaps of them. */
export async function createBitmapTarget(corpus: Corpus): Promise<Target<Kind>> {
  const kernels = await loadCoreKernels();
  const bitmaps = [
    ...[...corpus.files].filter(([path]) => path.endsWith(".bin")).map(([, bytes]) => bytes),
    ...[1, 5, 300, 4097].map((count) => kernels.encodeRoaring(Uint32Array.from({ length: count }, (_, i) => i * 37))),
    kernels.encodeRoaring(Uint32Array.from({ length: 9 }, (_, i) => i * 70_000)),
    encodeRangeBitmap([
      [3, 9],
      [100, 5_000],
    ]),
    encodeRangeBitmap(Array.from({ length: 6 }, (_, i): [number, number] => [i * 65_536 + 5, i * 65_536 + 900])),
  ];
  const seeds = bitmaps.map(
    (bytes, i): Seed<Kind> => ({
      name: `bitmap ${i}`,
      parts: [{ kind: "bytes", bytes }],
      numbers: [1_000_000],
      context: "bitmap",
    }),
  );
  const entries = bitmaps.slice(-6).map((bitmap, high) => ({ high, bitmap }));
  for (const count of [0, 1, 6]) {
    const bytes = joinTreemap(entries.slice(0, count));
    seeds.push({ name: `treemap ${count}`, parts: [{ kind: "bytes", bytes }], numbers: [1 << 20], context: "treemap" });
  }
  return { name: "bitmaps", weight: 12, codes: [], seeds, run: (input, seed) => read(kernels, input, seed.context) };
}

function read(kernels: CoreKernels, { parts, numbers }: Input, kind: Kind): void {
  const [bytes] = parts as [Uint8Array];
  const limit = numbers[0]!;
  const bitmaps = kind === "bitmap" ? [bytes] : splitTreemap(bytes).map(({ bitmap }) => bitmap);
  for (const bitmap of bitmaps) {
    checkRanges(decodeRanges(bitmap), bitmap);
    const values = kernels.decodeRoaring(bitmap, limit);
    for (let i = 0; i < values.length; i++) {
      expectThat(values[i]! < limit && (i === 0 || values[i]! > values[i - 1]!), `value ${values[i]} of ${limit}`);
    }
  }
}

function checkRanges(ranges: readonly (readonly [number, number])[], { length }: Uint8Array): void {
  let previous = -1;
  for (const [start, end] of ranges) {
    expectThat(start > previous && end > start && end <= 2 ** 32, `a range from ${start} to ${end} after ${previous}`);
    previous = end;
  }
  expectThat(ranges.length <= length * 8, `${ranges.length} ranges in ${length} bytes`);
}
