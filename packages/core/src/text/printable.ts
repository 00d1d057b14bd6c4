/**
 * Characters that a line of text must not contain: control characters, line and paragraph separators, characters that change
 * the direction of the text, and invisible characters (Unicode TR 36, CVE-2021-42574).
 */
const UNPRINTABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/gu;

/**
 * Returns the text with an escape for each character that could break a line, forge a line, or hide text: `\n`, `\x1b`,
 * `\u202e`.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeOf);
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeOf(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  if (code > 0xffff) return `\\u{${hex}}`;
  return code <= 0xff ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
