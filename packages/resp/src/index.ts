export { RespCodec, type RespCodecOptions } from './resp-codec.ts';
export { RespDecoder, type RespDecoderOptions } from './resp-decoder.ts';
export {
  encodeResp,
  RespEncoder,
  type RespEncoderOptions,
  type RespProtocol,
} from './resp-encoder.ts';
export {
  RespAttributed,
  RespBigNumber,
  RespDouble,
  RespError,
  type RespInput,
  RespMap,
  RespNull,
  RespPush,
  type RespScalar,
  RespSet,
  RespSimple,
  type RespValue,
  RespVerbatim,
} from './resp-value.ts';
