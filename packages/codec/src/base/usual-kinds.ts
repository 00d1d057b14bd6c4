import type { MessageKind, MessageKinds } from '@headrace/core';

/** Returns the kinds of a codec, decoder or encoder: bytes on the side of the wire, and `kind` on the other side. */
const bytesAnd = (kind: MessageKind): MessageKinds => ({
  reads: 'bytes',
  passesOn: kind,
  accepts: kind,
  writes: 'bytes',
});

export const BYTES_AND_BYTES: MessageKinds = bytesAnd('bytes');
export const BYTES_AND_TEXT: MessageKinds = bytesAnd('text');
export const BYTES_AND_VALUES: MessageKinds = bytesAnd('values');
