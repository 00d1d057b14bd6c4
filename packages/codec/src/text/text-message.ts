import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { checkKind, custom, toBuffer } from '@headrace/core/authoring';
import { decodeUtf8 } from './utf8.ts';

/** Returns a whole frame as text, or throws a `DecodeError` if the frame is not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return decodeUtf8(toBuffer(bytes));
}

/** Returns a text as UTF-8, followed by its delimiter. */
export function encodeText(text: string, delimiter: string): OutboundBytes {
  return Buffer.from(delimiter === '' ? text : text + delimiter);
}

export const DELIMITER = custom(
  "a text, such as '\\n'",
  (name, given: string) =>
    checkKind(name, given, typeof given === 'string', "a text, such as '\\n'"),
  { default: '' },
  true,
);

/** Returns the broadcast key of the text: the settings that the result depends on. */
export function textKey(delimiter: string): string {
  return `StringCodec:${delimiter}`;
}
