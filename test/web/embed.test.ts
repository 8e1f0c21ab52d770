import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { embed, embedTokens, loadStaticModel } from "../../web/embed/static-model.ts";
import { tokenize } from "../../web/embed/wordpiece.ts";

const MODEL = new URL("../../web/public/model/", import.meta.url);
const model = await loadStaticModel(async (name) => new Uint8Array(await readFile(new URL(name, MODEL))).buffer);
const expected: { text: string; ids: number[]; vector: number[] }[] = JSON.parse(
  await readFile(new URL("../fixtures/model/expected.json", import.meta.url), "utf8"),
);

it.each(expected)("tokenizes $text as the reference tokenizer", ({ text, ids }) => {
  expect(tokenize(text, model.vocabulary)).toEqual(ids.filter((id) => id !== 0));
});

it.each(expected)("gives the reference vector for the reference ids of $text", ({ ids, vector }) => {
  // the reference vectors were made with the padding (id 0) among the tokens
  const got = embedTokens(ids, model);
  expect(Math.max(...vector.map((value, d) => Math.abs(value - got[d]!)))).toBeLessThan(1e-6);
});

it("embeds to unit length, and refuses a text without tokens", () => {
  const vector = embed("play chess against the computer", model)!;
  expect(vector.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
  expect(embed("  \n", model)).toBeUndefined();
});
