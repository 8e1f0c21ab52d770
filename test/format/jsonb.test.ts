import { describe, expect, test } from "vitest";
import { decodeJsonb, encodeJsonb } from "../../src/format/json/jsonb.ts";
import fc from "../support/fast-check.ts";
import { createRandom } from "./support.ts";

/** Text, and what comes back: compact, keys in the order of their UTF-8 bytes, floats with a fraction or an exponent. */
const PAIRS: readonly (readonly [text: string, back: string])[] = [
  ["null", "null"],
  [" true ", "true"],
  ["[ ]", "[]"],
  ["{}", "{}"],
  ["0", "0"],
  ["-0", "0"],
  ["255", "255"],
  ["-128", "-128"],
  ["18446744073709551615", "18446744073709551615"],
  ["-9223372036854775808", "-9223372036854775808"],
  ["18446744073709551616", "1.8446744073709552e+19"],
  ["1.0", "1.0"],
  ["-0.0", "-0.0"],
  ["1e16", "1e+16"],
  ["1e15", "1000000000000000.0"],
  ["0.00001", "0.00001"],
  ["0.000001", "1e-6"],
  ["1.25e-7", "1.25e-7"],
  ["1e400", "null"],
  ['"tab\\t \\u00e9 \\ud83d\\ude00"', '"tab\\t é 😀"'],
  ['{"b":1,"a":[true,{"z":null}],"":"x"}', '{"":"x","a":[true,{"z":null}],"b":1}'],
  ['{"\\uffee":1,"\\ud83d\\ude00":2}', '{"\uffee":1,"😀":2}'],
];

test.each(PAIRS)("%s comes back as %s", (text, back) => {
  expect(decodeJsonb(encodeJsonb(text))).toBe(back);
});

test("the bytes are big-endian headers, entries and values", () => {
  const hex = (text: string) => Buffer.from(encodeJsonb(text)).toString("hex");
  expect(hex("true")).toBe("2000000040000000");
  expect(hex("[1,-2]")).toBe("80000002" + "20000002" + "20000002" + "5001" + "40fe");
  expect(hex('{"a":"b"}')).toBe("40000001" + "10000001" + "10000001" + "61" + "62");
});

test("any JSON value survives, as far as JSON.parse sees it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      // An integral float comes back as 1.0, which JSON.parse reads as the same number; -0 is 0 in JSON text.
      expect(JSON.parse(decodeJsonb(encodeJsonb(text)))).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

describe("text that is no JSON is INVALID_ARGUMENT and says where", () => {
  test.each([
    "",
    "{",
    "[1,]",
    "tru",
    "01",
    "1.",
    "'a'",
    '{"a"}',
    '{"a":1,}',
    '"\n"',
    '"\\x"',
    "1 2",
    "NaN",
    '{"k":1,"k":2}',
  ])("%j", (text) => {
    expect(() => encodeJsonb(text)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("nesting has a bound, both ways", () => {
    expect(() => encodeJsonb("[".repeat(5000) + "]".repeat(5000))).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    let deep = encodeJsonb("[]");
    for (let i = 0; i < 300; i++) {
      const outer = new Uint8Array(8 + deep.length);
      const view = new DataView(outer.buffer);
      view.setUint32(0, 0x80000001);
      view.setUint32(4, 0x50000000 | deep.length);
      outer.set(deep, 8);
      deep = outer;
    }
    expect(() => decodeJsonb(deep)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });
});

test("damaged bytes are CORRUPT, UNSUPPORTED or another value; never anything else", () => {
  const good = encodeJsonb('{"a":[1,2.5,"text",null,{"k":[true,false]}],"b":-70000,"long key":"long value"}');
  for (let round = 0; round < 20_000; round++) {
    const random = createRandom(round);
    const bytes = good.slice(0, random(4) === 0 ? random(good.length) : good.length);
    for (let i = 0; i < 1 + random(3) && bytes.length > 0; i++) bytes[random(bytes.length)] = random(256);
    try {
      decodeJsonb(bytes);
    } catch (error) {
      expect(["CORRUPT", "UNSUPPORTED"]).toContain((error as { code?: string }).code);
    }
  }
});
