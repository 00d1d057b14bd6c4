import { Buffer } from 'node:buffer';
import { EncodeError, type OutboundBytes } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { checkMessage } from '../schema/message-limit.ts';
import { decodeUtf8 } from '../text/utf8.ts';
import { countJson } from './count-json.ts';

/** The value of a whole frame; throws for what is no JSON or no UTF-8, or counts too much. */
export function parseJson(bytes: Uint8Array, maxMessageBytes: number): unknown {
  checkMessage(bytes, maxMessageBytes, countJson);
  return JSON.parse(decodeUtf8(toBuffer(bytes)));
}

/** A value as JSON, with its delimiter after it; an `EncodeError` for what has none, such as a function. */
export function encodeJson(message: unknown, delimiter: string): OutboundBytes {
  const text = JSON.stringify(message) as string | undefined;
  if (text !== undefined) return Buffer.from(text + delimiter);
  throw new EncodeError('MESSAGE_NOT_ENCODABLE', `a ${typeof message} has no JSON`);
}

/** The settings that the JSON depends on: a broadcast is encoded once for all members with this key. */
export function jsonKey(delimiter: string): string {
  return `JsonCodec:${delimiter}`;
}
