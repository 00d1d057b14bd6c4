import { Buffer } from 'node:buffer';
import { type Context, DecodeError, PipelineError } from '@headrace/core';
import { textOf, transportOf } from '@headrace/core/authoring';

/** Returns a thrown {@link DecodeError} unchanged, and any other error as the cause of a new `DecodeError`. */
export function decodeErrorOf(decoder: object, thrown: unknown): DecodeError {
  if (thrown instanceof DecodeError) return thrown;
  const text = textOf(thrown);
  const type = decoder.constructor.name;
  return new DecodeError('DECODER_FAILED', `${type}.decode threw: ${text}`, {}, thrown);
}

/** Returns true for an error about the input, and false for a fault of the decoder itself. */
export function isBadInput(error: DecodeError): boolean {
  return error.code !== 'HR_ERR_DECODER_FAILED';
}

/** Returns true on a channel of datagrams, where a bad datagram has no effect on the next datagram. */
export function hasIndependentMessages({ channel }: Context): boolean {
  return transportOf(channel)?.connectionless !== undefined;
}

export function tookNothing(decoder: object): DecodeError {
  return new DecodeError(
    'DECODER_FAILED',
    `${decoder.constructor.name}.decode returned a message, but took no bytes for it`,
  );
}

export function tooMuchLeft(decoder: object, bytes: number, max: number): DecodeError {
  return new DecodeError(
    'FRAME_TOO_LONG',
    `${decoder.constructor.name} has ${bytes} bytes and needs more, but maxBufferedBytes is ${max}`,
    { bytes, maxBufferedBytes: max },
  );
}

export function tooMany(decoder: object, bytes: number, maxMessages: number): DecodeError {
  return new DecodeError(
    'MESSAGE_INVALID',
    `${decoder.constructor.name}: a datagram of ${bytes} bytes has more than ${maxMessages} messages`,
    { bytes, maxMessages },
  );
}

/** Returns the error for a frame that the end of the input truncated. */
export function truncated(decoder: object, bytes: number, first: Uint8Array): DecodeError {
  return new DecodeError(
    'FRAME_TRUNCATED',
    `${decoder.constructor.name}: the input ended within a frame, ${bytes} bytes are dropped ` +
      `(${Buffer.from(first).toString('hex')}…)`,
    { bytes },
  );
}

/** Throws an error if a subclass declares itself sharable. */
export function refuseSharing(decoder: { readonly sharable?: boolean }): void {
  if (decoder.sharable !== true) return;
  const type = decoder.constructor.name;
  throw new PipelineError(
    'PIPELINE_NOT_SHARABLE',
    `${type} sets sharable to true, but a decoder holds the state of one channel's stream; leave ` +
      '`sharable` out and make one for each channel: ' +
      `.childHandler((channel) => channel.pipeline.addLast(new ${type}(…)))`,
    { handler: type },
  );
}
