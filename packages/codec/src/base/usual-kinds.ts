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
/** The kinds of a codec between bytes on the side of the wire and values, such as packets, on the other side. */
export const BYTES_AND_VALUES: MessageKinds = bytesAnd('values');
