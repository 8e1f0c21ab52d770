import { zstdCompressSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { arrayKernels, loadArrayKernels } from "../../../src/kernels/decode-arrays.ts";
import { PageLayoutSchema } from "../../../src/proto/gen/lance/encodings21_pb.ts";
import { createRandom } from "../random.ts";
import { type Corpus, expectThat, type Input, type Part, type Seed, type Target } from "../target.ts";
import { createPageTarget } from "./pages.ts";

type Codec = "lz4" | "zstd" | "fsst" | "bits" | "blocks" | "field";

/** The expanders by themselves: LZ4, zstd, FSST, both bit packings, fields of packed rows. */
export async function createKernelTarget(corpus: Corpus): Promise<Target<Codec>> {
  await loadArrayKernels();
  const seeds = [...listCompressed(), ...listPacked(), ...(await listSymbolTables(corpus))];
  return { name: "kernels", weight: 30, seeds, run: (input, seed) => expand(input, seed.context) };
}

function bytes(part: Uint8Array): Part {
  return { kind: "bytes", bytes: part };
}

/** A block of literals, then one match that repeats them: `u32 size, token, …`. */
function makeLz4(literals: Uint8Array, copies: number): Uint8Array {
  const extra = copies - 4 - 15;
  const block = [
    (Math.min(literals.length, 14) << 4) | 15,
    ...literals.subarray(0, 14),
    literals.length & 15 || 1,
    0,
    extra,
  ];
  const tail = [5 << 4, 1, 2, 3, 4, 5];
  const size = Math.min(literals.length, 14) + copies + 5;
  return Uint8Array.from([size & 255, size >> 8, 0, 0, ...block, ...tail]);
}

function listCompressed(): Seed<Codec>[] {
  const random = createRandom(7, 7);
  const seeds: Seed<Codec>[] = [];
  for (const [i, length] of [0, 1, 30, 300, 3000, 20_000].entries()) {
    const text = Uint8Array.from({ length }, () => (i % 2 === 0 ? random(256) : 97 + random(4)));
    for (const [j, level] of [1, 19].entries()) {
      const frame = zstdCompressSync(text, { params: { 100: level } });
      const sized = new Uint8Array(8 + frame.length);
      new DataView(sized.buffer).setBigUint64(0, BigInt(length), true);
      sized.set(frame, 8);
      seeds.push({ name: `zstd ${i}.${j}`, parts: [bytes(sized)], numbers: [], context: "zstd" });
      seeds.push({ name: `zstd bare ${i}.${j}`, parts: [bytes(new Uint8Array(frame))], numbers: [], context: "zstd" });
    }
  }
  for (const copies of [20, 60, 200]) {
    const literals = Uint8Array.from({ length: 8 }, (_, i) => i);
    seeds.push({ name: `lz4 ${copies}`, parts: [bytes(makeLz4(literals, copies))], numbers: [], context: "lz4" });
  }
  return seeds;
}

function listPacked(): Seed<Codec>[] {
  const random = createRandom(8, 8);
  const data = (length: number) => bytes(Uint8Array.from({ length }, () => random(256)));
  return [8, 16, 32, 64].flatMap((wordBits): Seed<Codec>[] => [
    { name: `bits ${wordBits}`, parts: [data(256)], numbers: [wordBits, 5, 3, 100, 1], context: "bits" },
    { name: `blocks ${wordBits}`, parts: [data(128 * 5 * 2)], numbers: [wordBits, 5, 7, 1500], context: "blocks" },
    { name: `field ${wordBits}`, parts: [data(240)], numbers: [24, 8, wordBits / 8], context: "field" },
  ]);
}

async function listSymbolTables(corpus: Corpus): Promise<Seed<Codec>[]> {
  const tables = new Map<string, Uint8Array>();
  const { seeds } = await createPageTarget(corpus);
  for (const { parts } of seeds) {
    JSON.stringify(fromBinary(PageLayoutSchema, parts[0]!.bytes), (key, value) => {
      if (key === "symbolTable") tables.set(String(value), value as Uint8Array);
      return typeof value === "bigint" ? 0 : value;
    });
  }
  const random = createRandom(9, 9);
  return [...tables.values()].slice(0, 8).map((table, i): Seed<Codec> => {
    const symbols = Math.max(1, table[0]!);
    const codes = Uint8Array.from({ length: 120 }, () => random(symbols));
    return { name: `fsst ${i}`, parts: [bytes(table), bytes(codes)], numbers: [40, 0, 80], context: "fsst" };
  });
}

function expand({ parts, numbers }: Input, codec: Codec): void {
  const [first, second] = parts as [Uint8Array, Uint8Array];
  if (codec === "lz4" || codec === "zstd") arrayKernels.decompress(codec, first);
  else if (codec === "fsst") expandSymbols(first, second, numbers);
  else unpack(codec, first, numbers);
}

function unpack(codec: "bits" | "blocks" | "field", data: Uint8Array, numbers: readonly number[]): void {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = numbers;
  if (codec === "field") {
    const field = arrayKernels.takeField(data, { stride: a, offset: b, width: c });
    expectThat(field.length === (data.length / a) * c, `a field of ${field.length} bytes`);
    return;
  }
  const values =
    codec === "bits"
      ? arrayKernels.unpackBits(data, { wordBits: a, width: b, isSigned: e % 2 === 1 }, { firstBit: c, count: d })
      : arrayKernels.unpackBlocks(data, { wordBits: a, width: b, isSigned: false }, { first: c, count: d });
  expectThat(values.length === (d * a) / 8, `${values.length} bytes for ${d} values of ${a} bits`);
}

function expandSymbols(table: Uint8Array, codes: Uint8Array, numbers: readonly number[]): void {
  const lengths = Uint32Array.from(numbers);
  const out = arrayKernels.expandSymbols(table, codes, lengths);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  expectThat(total === out.length, `lengths of ${total} for ${out.length} bytes`);
  expectThat(out.length <= codes.length * 8, `${out.length} bytes out of ${codes.length} codes`);
}
