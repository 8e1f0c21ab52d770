/**
 * The names in a path of nested fields: `a.b`, `` `a.b`.c `` (a doubled backtick stands for itself).
 * @returns `undefined` when the text is no path
 */
export function parseFieldPath(text: string): string[] | undefined {
  const parts: string[] = [];
  const part = /`((?:[^`]|``)+)`|([^`.]+)/y;
  for (let at = 0; ; ) {
    part.lastIndex = at;
    const match = part.exec(text);
    if (match === null) return undefined;
    parts.push(match[1]?.replaceAll("``", "`") ?? match[2]!);
    at = part.lastIndex;
    if (at === text.length) return parts;
    if (text[at++] !== ".") return undefined;
  }
}
