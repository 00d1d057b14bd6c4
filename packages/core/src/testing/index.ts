// Test kit: a channel without a socket, virtual time, recorders, contracts.
export { EmbeddedChannel, type EmbeddedChannelOptions, type LeftOver } from './embedded-channel.ts';
export {
  EventRecorder,
  eventText,
  type RecordEventsOptions,
  recordEvents,
} from './record-events.ts';
export {
  describeTransport,
  type Expectation,
  type TestRunner,
  type TransportBench,
} from './transport-contract.ts';
export {
  type DecoderPair,
  type VerifyDecoderOptions,
  verifyDecoder,
} from './verify-decoder.ts';
export { VirtualClock } from './virtual-clock.ts';
