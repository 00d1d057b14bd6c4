import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { checkKind, custom, toBuffer } from '@headrace/core/authoring';
import { decodeUtf8 } from './utf8.ts';

/** A whole frame as text; a `DecodeError` if it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return decodeUtf8(toBuffer(bytes));
}

/** A text as UTF-8, with its delimiter after it. */
export function encodeText(text: string, delimiter: string): OutboundBytes {
  return Buffer.from(delimiter === '' ? text : text + delimiter);
}

/** Written after each text. */
export const DELIMITER = custom(
  "a text, such as '\\n'",
  (name, given: string) =>
    checkKind(name, given, typeof given === 'string', "a text, such as '\\n'"),
  { default: '' },
  true,
);

/** The settings that the encoded text depends on: a broadcast is encoded once for all members with this key. */
export function textKey(delimiter: string): string {
  return `StringCodec:${delimiter}`;
}
