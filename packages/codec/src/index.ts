// Base classes for codecs of your own

export type { SchemaIssue, SchemaResult, StandardSchema } from '@headrace/core/authoring';
export { ByteInput } from './base/byte-input.ts';
export {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from './base/byte-to-message-decoder.ts';
export type { DecodingHandler } from './base/decoding-handler.ts';
export type { FrameErrorPolicy } from './base/frame-error-policy.ts';
export {
  MESSAGE_DECODER_OPTIONS,
  type MessageDecoding,
  type MessageToMessageDecoderOptions,
} from './base/message-decoding.ts';
export { MessageToMessageCodec } from './base/message-to-message-codec.ts';
export { MessageToMessageDecoder } from './base/message-to-message-decoder.ts';
export {
  MESSAGE_ENCODER_OPTIONS,
  MessageToMessageEncoder,
} from './base/message-to-message-encoder.ts';
export type { OtherMessages, OtherMessagesOptions } from './base/other-messages.ts';
export type { OwnOptions } from './base/own-options.ts';
export { type Several, several } from './base/several.ts';
export { checkWellFormed } from './base/utf8.ts';
// Checksums
export {
  type Crc,
  crc8,
  crc16CcittFalse,
  crc16Modbus,
  crc16X25,
  crc32,
} from './checksum/crc.ts';
// Messages
export {
  CompressionCodec,
  type CompressionCodecOptions,
  type CompressionFormat,
} from './compression/compression-codec.ts';
export type { BodyPrepender, BodyPrependerOptions } from './frame/body-prepender.ts';
// Frames
export {
  ContentLengthFrameDecoder,
  type ContentLengthFrameDecoderOptions,
} from './frame/content-length-frame-decoder.ts';
export {
  ContentLengthPrepender,
  type ContentLengthPrependerOptions,
} from './frame/content-length-prepender.ts';
export { DatagramDecoder } from './frame/datagram-decoder.ts';
export {
  DelimiterFrameDecoder,
  type DelimiterFrameDecoderOptions,
} from './frame/delimiter-frame-decoder.ts';
export {
  FixedLengthFrameDecoder,
  type FixedLengthFrameDecoderOptions,
} from './frame/fixed-length-frame-decoder.ts';
export { FlagFrameDecoder, type FlagFrameDecoderOptions } from './frame/flag-frame-decoder.ts';
export { FlagFrameEncoder, type FlagFrameEncoderOptions } from './frame/flag-frame-encoder.ts';
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
export type { FlagFraming } from './frame/transposition.ts';
export {
  VarintFrameDecoder,
  type VarintFrameDecoderOptions,
} from './frame/varint-frame-decoder.ts';
export { VarintPrepender, type VarintPrependerOptions } from './frame/varint-prepender.ts';
export { JsonCodec, type JsonCodecOptions } from './json/json-codec.ts';
export { JsonDecoder, type JsonDecoderOptions } from './json/json-decoder.ts';
export { JsonEncoder, type JsonEncoderOptions } from './json/json-encoder.ts';
export { encodeJson, parseJson, textOfJson } from './json/json-message.ts';
// The common cases, decoder and encoder together
export {
  type ContentLengthPrefixedOptions,
  contentLengthPrefixed,
} from './preset/content-length-prefixed.ts';
export { type JsonLinesOptions, jsonLines } from './preset/json-lines.ts';
export { type LengthPrefixedOptions, lengthPrefixed } from './preset/length-prefixed.ts';
export { type TextLinesOptions, textLines } from './preset/text-lines.ts';
export { type VarintPrefixedOptions, varintPrefixed } from './preset/varint-prefixed.ts';
// The PROXY protocol
export {
  PROXY_HEADER,
  type ProxiedTransport,
  type ProxyHeader,
} from './proxy-protocol/proxy-header.ts';
export type { ProxyRefusal } from './proxy-protocol/proxy-header-reader.ts';
export {
  ProxyProtocolDecoder,
  type ProxyProtocolDecoderOptions,
} from './proxy-protocol/proxy-protocol-decoder.ts';
export {
  encodeProxyHeader,
  type ProxyHeaderOptions,
  ProxyProtocolEncoder,
  proxyHeader,
  proxyHeaderOf,
} from './proxy-protocol/proxy-protocol-encoder.ts';
export { ProxyProtocolEvent } from './proxy-protocol/proxy-protocol-event.ts';
export {
  type ProxyBytesTlv,
  type ProxySslFields,
  type ProxySslTlv,
  type ProxyTextTlv,
  type ProxyTextTlvName,
  type ProxyTlv,
  proxyTlv,
} from './proxy-protocol/proxy-tlv.ts';
export type { MessageLimitOptions } from './schema/message-limit.ts';
export {
  SCHEMA_CODEC_OPTIONS,
  SchemaCodec,
  type SchemaCodecOptions,
} from './schema/schema-codec.ts';
// Text
export { StreamingStringDecoder } from './text/streaming-string-decoder.ts';
export { StringCodec, type StringCodecOptions } from './text/string-codec.ts';
export { StringDecoder, type StringDecoderOptions } from './text/string-decoder.ts';
export { StringEncoder, type StringEncoderOptions } from './text/string-encoder.ts';
