import { parseVocabulary, tokenize, type Vocabulary } from "./wordpiece.ts";

/** Dimensions of the bundled embedder and of the table's vector column. */
export const DIMENSION = 128;

/** A static embedder: one int8 vector and one scale per token, and the mean that is taken off every text. */
export interface StaticModel {
  readonly vocabulary: Vocabulary;
  readonly vectors: Int8Array;
  readonly scales: Float32Array;
  readonly mean: Float32Array;
}

/** Reads the four files of the model from `fetchBytes(name)`. @throws Error when their sizes do not agree */
export async function loadStaticModel(fetchBytes: (name: string) => Promise<ArrayBuffer>): Promise<StaticModel> {
  const [vocabulary, vectors, scales, mean] = await Promise.all(
    ["vocab.txt", "static-128.i8", "static-128-scale.f32", "static-128-mean.f32"].map(fetchBytes),
  );
  const model = {
    vocabulary: parseVocabulary(new TextDecoder().decode(vocabulary)),
    vectors: new Int8Array(vectors!),
    scales: new Float32Array(scales!),
    mean: new Float32Array(mean!),
  };
  const tokens = model.vocabulary.size;
  if (
    model.vectors.length !== tokens * DIMENSION ||
    model.scales.length !== tokens ||
    model.mean.length !== DIMENSION
  ) {
    throw new Error(
      `model files disagree: ${tokens} tokens, ${model.vectors.length} values, ${model.scales.length} scales`,
    );
  }
  return model;
}

/** The vector of `text`, unit length. `undefined` for a text with no token. */
export function embed(text: string, model: StaticModel): Float32Array | undefined {
  const tokens = tokenize(text, model.vocabulary);
  return tokens.length === 0 ? undefined : embedTokens(tokens, model);
}

/** Mean over tokens of int8 × scale, minus the model's mean, to unit length. */
export function embedTokens(tokens: readonly number[], model: StaticModel): Float32Array {
  const vector = new Float64Array(DIMENSION);
  for (const token of tokens) {
    const scale = model.scales[token]!;
    const at = token * DIMENSION;
    for (let d = 0; d < DIMENSION; d++) vector[d]! += model.vectors[at + d]! * scale;
  }
  let square = 0;
  for (let d = 0; d < DIMENSION; d++) {
    vector[d] = vector[d]! / tokens.length - model.mean[d]!;
    square += vector[d]! * vector[d]!;
  }
  const norm = Math.sqrt(square) || 1;
  return Float32Array.from(vector, (value) => value / norm);
}
