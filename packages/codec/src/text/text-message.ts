import { Buffer } from 'node:buffer';
import { OptionError, type OutboundBytes } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { decodeUtf8 } from './utf8.ts';

/** A whole frame as text; a `DecodeError` if it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return decodeUtf8(toBuffer(bytes));
}

/** A text as UTF-8, with its delimiter after it. */
export function encodeText(text: string, delimiter: string): OutboundBytes {
  return Buffer.from(delimiter === '' ? text : text + delimiter);
}

/** Returns the option, `''` for none, or throws an {@link OptionError}. */
export function checkDelimiter(delimiter = ''): string {
  if (typeof delimiter === 'string') return delimiter;
  throw new OptionError(
    'OPTION_INVALID',
    `delimiter is ${String(delimiter)}, but must be a text, such as '\\n'`,
    { option: 'delimiter', value: String(delimiter) },
  );
}

/** What the encoded text depends on beside the text: a broadcast is encoded once for all members with this key. */
export function textKey(delimiter: string): string {
  return `StringCodec:${delimiter}`;
}
