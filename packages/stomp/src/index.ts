export { StompDecoder, type StompDecoderOptions } from './stomp-decoder.ts';
export { StompEncoder } from './stomp-encoder.ts';
export { type StompCommand, StompFrame, type StompVersion } from './stomp-frame.ts';
