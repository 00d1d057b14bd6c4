import { DecodeError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';

const SHOWN_BYTES = 16;

/** The error for bytes that a codec cannot parse, with the first of them; a `DecodeError` of its own is kept unchanged. */
export function invalidMessage(
  codec: object,
  bytes: Buffer,
  thrown: unknown,
  type?: string,
): DecodeError {
  if (thrown instanceof DecodeError) return thrown;
  const why = textOf(thrown);
  const shown = bytes.subarray(0, SHOWN_BYTES).toString('hex');
  return new DecodeError(
    'MESSAGE_INVALID',
    `${codec.constructor.name} cannot read a ${type ?? 'message'} of ${bytes.length} bytes (${shown}): ${why}`,
    { bytes: bytes.length, ...(type === undefined ? {} : { type }) },
    thrown,
  );
}
