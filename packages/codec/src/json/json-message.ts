import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { decodeUtf8 } from '../base/utf8.ts';
import { checkMessage, checkText } from '../schema/message-limit.ts';
import { checkDelimited } from '../text/text-message.ts';
import { countJson } from './count-json.ts';

const FIRST_PRINTABLE = 0x20;

/**
 * Returns the value of a whole frame or of a text, for a codec of your own that reads JSON.
 *
 * @param maxMessageBytes - the maximum count of the message, as in the option of the {@link JsonCodec}
 * @throws DecodeError `FRAME_TOO_LONG` if the message counts more, `TEXT_NOT_UTF8`
 * @throws SyntaxError if the message is not JSON
 */
export function parseJson(message: Uint8Array | string, maxMessageBytes: number): unknown {
  if (typeof message === 'string') {
    checkText(message, maxMessageBytes, countJson);
    return JSON.parse(message);
  }
  checkMessage(message, maxMessageBytes, countJson);
  return JSON.parse(decodeUtf8(toBuffer(message)));
}

/**
 * Returns a value as JSON in UTF-8, for a codec of your own that writes JSON.
 *
 * @param delimiter - the text after the JSON, by default none
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE` for a value without a JSON form, such as a function, and for a value whose JSON
 * contains the delimiter
 */
export function encodeJson(message: unknown, delimiter = ''): Buffer {
  return Buffer.from(textOfJson(message, delimiter));
}

/**
 * Returns a value as the text of its JSON, for a codec of your own that writes texts.
 *
 * @param delimiter - the text after the JSON, by default none
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE` as {@link encodeJson}
 */
export function textOfJson(message: unknown, delimiter = ''): string {
  const text = JSON.stringify(message) as string | undefined;
  if (text === undefined) {
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', `a ${typeof message} cannot be encoded as JSON`);
  }
  if (delimiter === '') return text;
  // The text contains no control characters, because JSON escapes them.
  if (delimiter.charCodeAt(0) >= FIRST_PRINTABLE) checkDelimited(text, delimiter);
  return text + delimiter;
}

/** Returns the broadcast key of the JSON: the settings that the result depends on. */
export function jsonKey(delimiter: string): string {
  return `JsonCodec:${delimiter}`;
}
