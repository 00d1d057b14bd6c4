import { Buffer, isUtf8 } from 'node:buffer';
import { EncodeError } from '@headrace/core';
import { atOnce, toBuffer, toError } from '@headrace/core/authoring';
import { BODY, type BodyType } from './envelope.ts';

/** Format of a group's messages on the bus, in place of the built-in format. */
export interface MessageCodec<Message> {
  /** Encodes a message. The caller owns the returned bytes. The write throws the errors of this function. */
  encode(message: Message): Uint8Array;
  /** Decodes a message. If this function throws, the message is counted and ignored. */
  decode(bytes: Buffer): Message;
}

/** The body of an envelope. */
export interface Body {
  readonly bodyType: BodyType;
  readonly body: Buffer;
}

/**
 * Encodes bytes as they are, texts as UTF-8, and everything else as JSON.
 *
 * @throws EncodeError for a value that JSON cannot represent
 */
export function encodeBody<Message>(message: Message, codec?: MessageCodec<Message>): Body {
  if (codec !== undefined) {
    return { bodyType: BODY.bytes, body: toBuffer(atOnce('encode', codec.encode(message))) };
  }
  if (typeof message === 'string')
    return { bodyType: BODY.text, body: Buffer.from(message, 'utf8') };
  if (message instanceof Uint8Array) return { bodyType: BODY.bytes, body: toBuffer(message) };
  return { bodyType: BODY.json, body: Buffer.from(jsonOf(message), 'utf8') };
}

/**
 * Decodes a body from the bus. Bytes are returned without a copy. Nothing checks that the result is a `Message`.
 *
 * @throws Error or SyntaxError for a body that is not UTF-8, or not JSON; and the errors of the codec
 */
export function decodeBody<Message>(
  { bodyType, body }: Body,
  codec?: MessageCodec<Message>,
): Message {
  if (codec !== undefined) return atOnce('decode', codec.decode(body));
  if (bodyType === BODY.bytes) return body as Message;
  if (!isUtf8(body)) throw new Error('the body is not UTF-8');
  const text = body.toString('utf8');
  return (bodyType === BODY.text ? text : JSON.parse(text)) as Message;
}

function jsonOf(message: unknown): string {
  try {
    const text: string | undefined = JSON.stringify(message);
    if (text !== undefined) return text;
  } catch (thrown) {
    const cause = toError(thrown);
    throw notEncodable(`a message cannot become JSON: ${cause.message}`, cause);
  }
  throw notEncodable(`a message of type ${typeof message} cannot go over the bus; give a codec`);
}

function notEncodable(text: string, cause?: Error): EncodeError {
  return new EncodeError('MESSAGE_NOT_ENCODABLE', text, {}, cause);
}
