// Base classes for codecs of your own
export { ByteInput } from './base/byte-input.ts';
export {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from './base/byte-to-message-decoder.ts';
export {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from './base/message-decoding.ts';
export { MessageToMessageCodec } from './base/message-to-message-codec.ts';
export { MessageToMessageDecoder } from './base/message-to-message-decoder.ts';
export {
  MESSAGE_ENCODER_OPTIONS,
  MessageToMessageEncoder,
} from './base/message-to-message-encoder.ts';
export type { OwnOptions } from './base/own-options.ts';
export { type Several, several } from './base/several.ts';
// Messages
export { CompressionCodec } from './compression/compression-codec.ts';
// Frames
export { ContentLengthFrameDecoder } from './frame/content-length-frame-decoder.ts';
export { ContentLengthPrepender } from './frame/content-length-prepender.ts';
export { DelimiterFrameDecoder } from './frame/delimiter-frame-decoder.ts';
export { FixedLengthFrameDecoder } from './frame/fixed-length-frame-decoder.ts';
export { JsonObjectDecoder } from './frame/json-object-decoder.ts';
export { LengthFieldFrameDecoder } from './frame/length-field-frame-decoder.ts';
export { LengthFieldPrepender } from './frame/length-field-prepender.ts';
export { LineFrameDecoder } from './frame/line-frame-decoder.ts';
export { VarintFrameDecoder } from './frame/varint-frame-decoder.ts';
export { VarintPrepender } from './frame/varint-prepender.ts';
export { JsonCodec } from './json/json-codec.ts';
export { JsonDecoder } from './json/json-decoder.ts';
export { JsonEncoder } from './json/json-encoder.ts';
// MQTT
export { MqttDecoder } from './mqtt/mqtt-decoder.ts';
export { MqttEncoder } from './mqtt/mqtt-encoder.ts';
export type {
  MqttConnack,
  MqttConnect,
  MqttPacket,
  MqttPublish,
  MqttQos,
  MqttSuback,
  MqttSubscribe,
  MqttUnsubscribe,
  MqttWill,
} from './mqtt/mqtt-packet.ts';
// The common cases, decoder and encoder together
export { contentLengthPrefixed } from './preset/content-length-prefixed.ts';
export { jsonLines } from './preset/json-lines.ts';
export { lengthPrefixed } from './preset/length-prefixed.ts';
export { textLines } from './preset/text-lines.ts';
export { varintPrefixed } from './preset/varint-prefixed.ts';
// The PROXY protocol
export {
  PROXY_HEADER,
  type ProxyHeader,
} from './proxy-protocol/proxy-header.ts';
export { ProxyProtocolDecoder } from './proxy-protocol/proxy-protocol-decoder.ts';
export {
  encodeProxyHeader,
  ProxyProtocolEncoder,
  proxyHeader,
  proxyHeaderOf,
} from './proxy-protocol/proxy-protocol-encoder.ts';
export { ProxyProtocolEvent } from './proxy-protocol/proxy-protocol-event.ts';
export { type ProxyTlv, proxyTlv } from './proxy-protocol/proxy-tlv.ts';
// The Redis protocol
export { RespCodec } from './resp/resp-codec.ts';
export { RespDecoder } from './resp/resp-decoder.ts';
export { encodeResp, RespEncoder } from './resp/resp-encoder.ts';
export {
  RespAttributed,
  RespBigNumber,
  RespDouble,
  RespError,
  type RespInput,
  RespMap,
  RespNull,
  RespPush,
  RespSet,
  RespSimple,
  type RespValue,
  RespVerbatim,
} from './resp/resp-value.ts';
export {
  SCHEMA_CODEC_OPTIONS,
  SchemaCodec,
  type SchemaCodecOptions,
} from './schema/schema-codec.ts';
export type { StandardSchema } from './schema/standard-schema.ts';
// STOMP
export { StompDecoder } from './stomp/stomp-decoder.ts';
export { StompEncoder } from './stomp/stomp-encoder.ts';
export { StompFrame } from './stomp/stomp-frame.ts';
// Text
export { StreamingStringDecoder } from './text/streaming-string-decoder.ts';
export { StringCodec } from './text/string-codec.ts';
export { StringDecoder } from './text/string-decoder.ts';
export { StringEncoder } from './text/string-encoder.ts';
