/**
 * For packages with codecs of their own: `@headrace/codec/authoring`. The names can change in minor versions.
 *
 * @module
 */

export { WAITING_OPTIONS } from './base/byte-to-message-decoder.ts';
export { encodeErrorOf } from './base/message-to-message-encoder.ts';
export { BYTES_AND_VALUES } from './base/usual-kinds.ts';
export { describeFirstBytes, frameTooLong } from './frame/first-bytes.ts';
export { writeVarint } from './frame/varint-prepender.ts';
export { checkCount, VALUE_BYTES } from './schema/message-limit.ts';
