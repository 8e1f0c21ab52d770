/**
 * BERT's uncased tokenizer: clean, split CJK, strip accents, lower-case, split punctuation, then greedy longest-match
 * WordPiece (Devlin et al., 2018). No special tokens are added.
 */

const MAX_WORD_CHARACTERS = 100;

/** Token text → id, one token a line, ids in order. */
export type Vocabulary = ReadonlyMap<string, number>;

export function parseVocabulary(text: string): Vocabulary {
  const vocabulary = new Map<string, number>();
  for (const line of text.split("\n")) {
    const token = line.replace(/\r$/, "");
    if (token !== "" || vocabulary.size === 0) vocabulary.set(token, vocabulary.size);
  }
  return vocabulary;
}

/** Token ids of `text`. Words no piece covers become `[UNK]`. */
export function tokenize(text: string, vocabulary: Vocabulary): number[] {
  const unknown = vocabulary.get("[UNK]") ?? 0;
  return splitWords(text).flatMap((word) => splitPieces(word, vocabulary) ?? [unknown]);
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = "";
  const flush = () => {
    if (word !== "") words.push(word);
    word = "";
  };
  for (const character of normalise(text)) {
    if (/\s/u.test(character)) flush();
    else if (isPunctuation(character) || isCjk(character)) {
      flush();
      words.push(character);
    } else word += character;
  }
  flush();
  return words;
}

function normalise(text: string): string {
  return text
    .replace(/[\t\n\r]/gu, " ")
    .replace(/[\0\uFFFD\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, "")
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "");
}

/** Unicode punctuation, and every ASCII symbol that is no letter, digit or space. */
function isPunctuation(character: string): boolean {
  return /[\p{P}!-/:-@[-`{-~]/u.test(character);
}

function isCjk(character: string): boolean {
  return /[\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/u.test(
    character,
  );
}

function splitPieces(word: string, vocabulary: Vocabulary): number[] | undefined {
  const characters = [...word];
  if (characters.length > MAX_WORD_CHARACTERS) return undefined;
  const pieces: number[] = [];
  for (let start = 0; start < characters.length; ) {
    let end = characters.length;
    let id: number | undefined;
    for (; end > start; end--) {
      const piece = (start > 0 ? "##" : "") + characters.slice(start, end).join("");
      id = vocabulary.get(piece);
      if (id !== undefined) break;
    }
    if (id === undefined) return undefined;
    pieces.push(id);
    start = end;
  }
  return pieces;
}
