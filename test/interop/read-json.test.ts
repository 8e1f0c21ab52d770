import { join } from "node:path";
import { expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { encodeJsonb } from "../../src/format/json/jsonb.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { createRandom } from "../format/support.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

useNativeSession(async (session) => {
  ({ directory, native } = session);
});

/** JSON text with every kind of value, floats over all magnitudes included. */
function drawText(random: (limit: number) => number, depth = 0): string {
  const scale = [1, 255, 65_535, 2 ** 31, 2 ** 53, 1e-9, 1e300][random(7)]!;
  const number = (random(2) === 0 ? 1 : -1) * (random(1e6) / 1e6) * scale;
  const text = () => JSON.stringify(["", "plain", 'quo"te\\', "tab\tnew\nline", "é 😀 \u2028", "\u0001"][random(6)]);
  const kinds: (() => string)[] = [
    () => ["null", "true", "false"][random(3)]!,
    () => String(Math.trunc(number)).replace(/e.*/, ""),
    () => JSON.stringify(number),
    () => ["18446744073709551615", "-9223372036854775808", "1e16", "1e-5", "1e-6", "123456789.125", "1.0"][random(7)]!,
    text,
    () => `[${Array.from({ length: random(5) }, () => drawText(random, depth + 1)).join(", ")}]`,
    () =>
      `{${[...new Set(Array.from({ length: random(5) }, text))].map((key) => `${key} : ${drawText(random, depth + 1)}`).join(",")}}`,
  ];
  return kinds[random(depth > 3 ? 5 : 7)]!();
}

test.each(["2.0", "2.1", "2.2"])(
  "JSON of files %s is the text native gives, and bytes are native's",
  async (version) => {
    const random = createRandom(5);
    const texts = Array.from({ length: 600 }, (_, i) => (i % 9 === 4 ? null : drawText(random)));
    const wanted = (await native.run(`
texts = json.loads(${JSON.stringify(JSON.stringify(texts))})
d = lance.write_dataset(pa.table({"j": pa.array(texts, pa.json_())}), "json-${version}", data_storage_version="${version}")
path = [x for f in d.get_fragments() for x in f.data_files()][0].path
out = {"texts": d.to_table()["j"].to_pylist()}
`)) as { texts: (string | null)[] };
    const dataset = await openDataset(createNodeFsStore(join(directory, `json-${version}`)));
    const [field] = dataset.schema.fields;
    expect(String(field!.type)).toBe("Utf8");
    expect(field!.metadata.get("ARROW:extension:name")).toBe("arrow.json");
    const read = Array.from((await dataset.toTable()).getChild("j")!);
    expect(read).toEqual(wanted.texts);
    const taken = Array.from((await dataset.take([599, 4, 0, 0])).getChild("j")!);
    expect(taken).toEqual([599, 4, 0, 0].map((row) => wanted.texts[row]));
  },
);

test("the bytes we make of JSON text are those native stores", async () => {
  const random = createRandom(6);
  const texts = Array.from({ length: 300 }, () => drawText(random));
  // Without its extension name the column is what it is stored as: bytes.
  const stored = (await native.run(`
texts = json.loads(${JSON.stringify(JSON.stringify(texts))})
d = lance.write_dataset(pa.table({"j": pa.array(texts, pa.json_())}), "bytes", data_storage_version="2.1")
from lance.file import LanceFileReader
import glob
out = [x.hex() for x in LanceFileReader(glob.glob("bytes/data/*.lance")[0]).read_all().to_table()["j"].to_pylist()]
`)) as string[];
  expect(texts.map((text) => Buffer.from(encodeJsonb(text)).toString("hex"))).toEqual(stored);
});
