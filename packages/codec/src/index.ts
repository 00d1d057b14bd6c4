// Base classes for codecs of your own
export { ByteInput } from './base/byte-input.ts';
export {
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from './base/byte-to-message-decoder.ts';
export type { FrameErrorPolicy } from './base/frame-error-policy.ts';
export { MessageToMessageCodec } from './base/message-to-message-codec.ts';
export {
  MessageToMessageDecoder,
  type MessageToMessageDecoderOptions,
} from './base/message-to-message-decoder.ts';
export { MessageToMessageEncoder } from './base/message-to-message-encoder.ts';
export { type Several, several } from './base/several.ts';
// Frames
export {
  DelimiterFrameDecoder,
  type DelimiterFrameDecoderOptions,
  Delimiters,
} from './frame/delimiter-frame-decoder.ts';
export { guessProtocol } from './frame/first-bytes.ts';
export {
  FixedLengthFrameDecoder,
  type FixedLengthFrameDecoderOptions,
} from './frame/fixed-length-frame-decoder.ts';
export { JsonObjectDecoder, type JsonObjectDecoderOptions } from './frame/json-object-decoder.ts';
export type { ByteOrder, LengthFieldWidth } from './frame/length-field.ts';
export {
  LengthFieldFrameDecoder,
  type LengthFieldFrameDecoderOptions,
} from './frame/length-field-frame-decoder.ts';
export {
  LengthFieldPrepender,
  type LengthFieldPrependerOptions,
} from './frame/length-field-prepender.ts';
export { LineFrameDecoder, type LineFrameDecoderOptions } from './frame/line-frame-decoder.ts';
export {
  VarintFrameDecoder,
  type VarintFrameDecoderOptions,
} from './frame/varint-frame-decoder.ts';
export { VarintPrepender, type VarintPrependerOptions } from './frame/varint-prepender.ts';
// The common cases, decoder and encoder together
export { type LengthPrefixedOptions, lengthPrefixed } from './preset/length-prefixed.ts';
export { type TextLinesOptions, textLines } from './preset/text-lines.ts';
export { type VarintPrefixedOptions, varintPrefixed } from './preset/varint-prefixed.ts';
// Text
export { StreamingStringDecoder } from './text/streaming-string-decoder.ts';
export { StringCodec, type StringCodecOptions } from './text/string-codec.ts';
