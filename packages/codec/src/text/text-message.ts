import { EncodeError, type OutboundBytes } from '@headrace/core';
import { checkKind, custom, toBuffer } from '@headrace/core/authoring';
import { checkWellFormed, decodeUtf8 } from '../base/utf8.ts';
import { textBytes, wellFormedBytes } from './text-bytes.ts';

/** Returns a whole frame as text, or throws a `DecodeError` if the frame is not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return decodeUtf8(toBuffer(bytes));
}

/**
 * Returns a text as UTF-8, followed by its delimiter.
 *
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE` for a text that the peer would read as another text, or as several
 */
export function encodeText(text: string, delimiter: string): OutboundBytes {
  if (delimiter === '') return wellFormedBytes(text);
  checkWellFormed(text);
  checkDelimited(text, delimiter);
  return textBytes(text + delimiter);
}

/** Throws an `EncodeError` if a reader would find the end of the text before its delimiter. */
export function checkDelimited(text: string, delimiter: string): void {
  if (isLineEnd(delimiter)) {
    // Readers differ in what ends a line, so a line contains neither CR nor LF.
    if (text.includes('\n') || text.includes('\r')) throw refuse(text, delimiter, 'a line break');
  } else if ((text + delimiter).indexOf(delimiter) < text.length) {
    throw refuse(text, delimiter, 'its delimiter');
  }
}

function isLineEnd(delimiter: string): boolean {
  return delimiter === '\n' || delimiter === '\r\n' || delimiter === '\r';
}

function refuse({ length }: string, delimiter: string, what: string): EncodeError {
  return new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `a text of ${length} code units contains ${what}, and ends in ${JSON.stringify(delimiter)}: the peer would read several texts`,
    { length, delimiter },
  );
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
