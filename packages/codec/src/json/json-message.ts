import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { checkMessage, checkText } from '../schema/message-limit.ts';
import { decodeUtf8 } from '../text/utf8.ts';
import { countJson } from './count-json.ts';

/**
 * The value of a whole frame or of a text: for a codec of your own that reads JSON.
 *
 * @param maxMessageBytes - the most that the message may count, as the option of the {@link JsonCodec}
 * @throws DecodeError `FRAME_TOO_LONG` if it counts more, `TEXT_NOT_UTF8`
 * @throws SyntaxError for a value that is not JSON
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
 * A value as the UTF-8 of its JSON: for a codec of your own that writes JSON.
 *
 * @param delimiter - after it; none if it is left out
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE` for what has none, such as a function
 */
export function encodeJson(message: unknown, delimiter = ''): Buffer {
  const text = JSON.stringify(message) as string | undefined;
  if (text !== undefined) return Buffer.from(text + delimiter);
  throw new EncodeError('MESSAGE_NOT_ENCODABLE', `a ${typeof message} has no JSON`);
}

/** The settings that the JSON depends on: a broadcast is encoded once for all members with this key. */
export function jsonKey(delimiter: string): string {
  return `JsonCodec:${delimiter}`;
}
