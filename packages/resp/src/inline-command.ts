import { Buffer } from 'node:buffer';

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const BACKSLASH = 0x5c;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/**
 * Splits a typed line into words. White space separates the words, and a word in quotes can contain white space. Returns
 * `undefined` for quotes that do not match.
 */
export function splitInline(line: Buffer): Buffer[] | undefined {
  const words: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at += 1;
    if (at === line.length) return words;
    const word: number[] = [];
    while (at < line.length && !isSpace(line[at]!)) {
      const byte = line[at]!;
      if (byte !== QUOTE && byte !== APOSTROPHE) {
        word.push(byte);
        at += 1;
        continue;
      }
      at = readQuoted(line, at + 1, byte, word);
      if (at === -1) return undefined;
    }
    words.push(Buffer.from(word));
  }
}

/** Adds the text between quotes to the word. Returns the index at which the word continues, or -1 if the quotes do not match. */
function readQuoted(line: Buffer, from: number, quote: number, word: number[]): number {
  let at = from;
  while (at < line.length) {
    const byte = line[at]!;
    if (byte === quote) {
      const next = line[at + 1];
      return next === undefined || isSpace(next) ? at + 1 : -1;
    }
    if (byte !== BACKSLASH || at + 1 === line.length) {
      word.push(byte);
      at += 1;
    } else at = readEscape(line, at + 1, quote, word);
  }
  return -1;
}

function readEscape(line: Buffer, at: number, quote: number, word: number[]): number {
  const byte = line[at]!;
  if (quote === APOSTROPHE) {
    // Between apostrophes, only the apostrophe itself can be escaped.
    word.push(byte === APOSTROPHE ? APOSTROPHE : BACKSLASH);
    return byte === APOSTROPHE ? at + 1 : at;
  }
  const hex = /^x([\da-f]{2})/i.exec(line.toString('latin1', at, at + 3))?.[1];
  if (hex !== undefined) {
    word.push(Number.parseInt(hex, 16));
    return at + 3;
  }
  word.push(ESCAPES[String.fromCharCode(byte)] ?? byte);
  return at + 1;
}
