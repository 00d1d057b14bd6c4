import type { MessageKind, MessageKinds } from '@headrace/core';

/** Of codecs, and of decoders and encoders for one direction alone: bytes on the wire's side, the kind on the other. */
const bytesAnd = (kind: MessageKind): MessageKinds => ({
  reads: 'bytes',
  passesOn: kind,
  accepts: kind,
  writes: 'bytes',
});

export const BYTES_AND_BYTES: MessageKinds = bytesAnd('bytes');
export const BYTES_AND_TEXT: MessageKinds = bytesAnd('text');
export const BYTES_AND_VALUES: MessageKinds = bytesAnd('values');
