import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';
import { SHOWN_BYTES } from '../base/byte-input.ts';

/** Returns the error for a message that a codec cannot parse. A `DecodeError` is returned unchanged. */
export function invalidMessage(
  codec: object,
  message: Buffer | string,
  thrown: unknown,
  type?: string,
): DecodeError {
  if (thrown instanceof DecodeError) return thrown;
  const bytes = typeof message === 'string' ? Buffer.from(message) : message;
  const why = textOf(thrown);
  const shown = bytes.subarray(0, SHOWN_BYTES).toString('hex');
  return new DecodeError(
    'MESSAGE_INVALID',
    `${codec.constructor.name} cannot read a ${type ?? 'message'} of ${bytes.length} bytes (${shown}): ${why}`,
    { bytes: bytes.length, ...(type === undefined ? {} : { type }) },
    thrown,
  );
}
