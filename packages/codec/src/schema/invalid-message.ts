import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';

const SHOWN_BYTES = 16;

/** Returns the error for a message that a codec cannot parse. A `DecodeError` is returned unchanged. */
export function invalidMessage(
  codec: object,
  message: Buffer | string,
  thrown: unknown,
  type?: string,
  sender?: { readonly host: string; readonly port: number },
): DecodeError {
  if (thrown instanceof DecodeError) return thrown;
  const bytes = typeof message === 'string' ? Buffer.from(message) : message;
  const why = textOf(thrown);
  const shown = bytes.subarray(0, SHOWN_BYTES).toString('hex');
  const from = sender === undefined ? '' : ` from ${sender.host}:${sender.port}`;
  return new DecodeError(
    'MESSAGE_INVALID',
    `${codec.constructor.name} cannot read a ${type ?? 'message'} of ${bytes.length} bytes (${shown})${from}: ${why}`,
    {
      bytes: bytes.length,
      ...(type === undefined ? {} : { type }),
      ...(sender === undefined ? {} : { host: sender.host, port: sender.port }),
    },
    thrown,
  );
}
