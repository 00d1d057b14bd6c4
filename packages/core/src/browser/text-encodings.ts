/** An encoding of text as bytes. */
export interface TextEncoding {
  encode(text: string): Uint8Array;
  decode(bytes: Uint8Array): string;
}

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });

/** `String.fromCharCode` takes its arguments on the stack, so a long text is converted in pieces. */
const PIECE = 8192;

function characters(bytes: ArrayLike<number> & { subarray(from: number, to: number): unknown }) {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) {
    const piece = bytes.subarray(at, at + PIECE) as ArrayLike<number>;
    text += String.fromCharCode.apply(undefined, piece as unknown as number[]);
  }
  return text;
}

function lowBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

const utf8: TextEncoding = {
  encode: (text) => encoder.encode(text),
  decode: (bytes) => decoder.decode(bytes),
};

const latin1: TextEncoding = { encode: lowBytes, decode: characters };

const ascii: TextEncoding = {
  encode: lowBytes,
  decode: (bytes) => characters(bytes.map((byte) => byte & 0x7f)),
};

const utf16le: TextEncoding = {
  encode(text) {
    const bytes = new Uint8Array(text.length * 2);
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      bytes[2 * at] = unit;
      bytes[2 * at + 1] = unit >> 8;
    }
    return bytes;
  },
  decode(bytes) {
    const units = new Uint16Array(bytes.length >> 1);
    for (let at = 0; at < units.length; at++)
      units[at] = bytes[2 * at]! | (bytes[2 * at + 1]! << 8);
    return characters(units);
  },
};

/** Stops at the first pair of characters that is not a byte, as Node does. */
const hex: TextEncoding = {
  encode(text) {
    const bytes = new Uint8Array(text.length >> 1);
    for (let at = 0; at < bytes.length; at++) {
      const pair = text.slice(2 * at, 2 * at + 2);
      if (!/^[\da-f]{2}$/i.test(pair)) return bytes.slice(0, at);
      bytes[at] = Number.parseInt(pair, 16);
    }
    return bytes;
  },
  decode(bytes) {
    let text = '';
    for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
    return text;
  },
};

/** Decodes both base64 alphabets, ignores other characters as Node does, and ends at the padding. */
function fromBase64(text: string): Uint8Array {
  const [digits = ''] = text.split('=');
  const plain = digits
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/[^\d+/A-Za-z]/g, '');
  // A single digit is less than a byte.
  return lowBytes(atob(plain.length % 4 === 1 ? plain.slice(0, -1) : plain));
}

const base64: TextEncoding = {
  encode: fromBase64,
  decode: (bytes) => btoa(characters(bytes)),
};

const base64url: TextEncoding = {
  encode: fromBase64,
  decode: (bytes) =>
    base64
      .decode(bytes)
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replace(/={1,2}$/, ''),
};

const ENCODINGS: Readonly<Record<string, TextEncoding>> = {
  utf8,
  'utf-8': utf8,
  latin1,
  binary: latin1,
  ascii,
  hex,
  base64,
  base64url,
  utf16le,
  'utf-16le': utf16le,
  ucs2: utf16le,
  'ucs-2': utf16le,
};

/** Returns the encoding with this name, in upper or lower case, if Node has it. */
export function encodingOf(name: string): TextEncoding | undefined {
  const lower = name.toLowerCase();
  return Object.hasOwn(ENCODINGS, lower) ? ENCODINGS[lower] : undefined;
}

/**
 * Returns the maximum number of bytes of a text, as Node calculates it. The digits of `hex` and `base64` are not checked, and an
 * unknown name counts as `utf8`.
 */
export function byteLengthOf(text: string, name = 'utf8'): number {
  const encoding = encodingOf(name) ?? utf8;
  if (encoding === hex) return text.length >>> 1;
  if (encoding !== base64 && encoding !== base64url) return encoding.encode(text).length;
  let digits = text.length;
  if (text.endsWith('=')) digits -= text.endsWith('==') && digits > 2 ? 2 : 1;
  return (digits * 3) >>> 2;
}
