import { decodeJsonColumn } from "../../../src/format/json/json-column.ts";
import { decodeJsonb, encodeJsonb } from "../../../src/format/json/jsonb.ts";
import { expectThat, type Input, type Seed, type Target } from "../target.ts";

const TEXTS = [
  "null",
  "[1,-2,3.5,1e300,18446744073709551615,-9223372036854775808,123456789012345678901234567890]",
  '{"a":{"b":[true,false,null,"x"]},"ключ":"значение","e":"","u":"\\ud83d\\ude00"}',
  `${"[".repeat(40)}1${"]".repeat(40)}`,
  JSON.stringify(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`key${i}`, { i, t: "v".repeat(i) }]))),
];

/** JSONB values, and the text they come from. */
export function createJsonTarget(): Target<"binary" | "text"> {
  const seeds = TEXTS.flatMap((text, i): Seed<"binary" | "text">[] => [
    { name: `binary ${i}`, parts: [{ kind: "bytes", bytes: encodeJsonb(text) }], numbers: [], context: "binary" },
    {
      name: `text ${i}`,
      parts: [{ kind: "json", bytes: new TextEncoder().encode(text) }],
      numbers: [],
      context: "text",
    },
  ]);
  return {
    name: "json",
    weight: 10,
    codes: ["INVALID_ARGUMENT"],
    seeds,
    run: (input, seed) => read(input, seed.context),
  };
}

function read({ parts }: Input, kind: "binary" | "text"): void {
  const [bytes] = parts as [Uint8Array];
  const binary = kind === "binary" ? bytes : encodeJsonb(new TextDecoder().decode(bytes));
  const text = decodeJsonb(binary);
  JSON.parse(text);
  if (kind === "binary") {
    const column = decodeJsonColumn(Int32Array.of(0, binary.length), binary, undefined);
    expectThat(new TextDecoder().decode(column.data) === text, "a column with another text than its value");
  } else expectThat(decodeJsonb(encodeJsonb(text)) === text, "a text that does not come back");
}
