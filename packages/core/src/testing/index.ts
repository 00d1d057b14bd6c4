// Test kit: channels without a socket, virtual time, recorders, scripted peers, contract suites.
import '../copy.ts';

export { BareSocket } from './bare-socket.ts';
export { type ConnectedPair, type ConnectedPairOptions, connectedPair } from './connected-pair.ts';
export { type DatagramBench, describeDatagramTransport } from './datagram-contract.ts';
export { describeEarlyWrites, type EarlyWritesBench } from './early-writes-contract.ts';
export {
  EmbeddedChannel,
  type EmbeddedChannelOptions,
  type LeftOver,
  type MessageClass,
} from './embedded-channel.ts';
export type { EmbeddedTransport } from './embedded-transport.ts';
export { describeEnds, type EndsBench } from './ends-contract.ts';
export { EventQueue, type TimedEvent } from './event-queue.ts';
export { describeHeldReads, type HeldReadsBench } from './held-reads-contract.ts';
export { describeHeldWrites, type HeldWritesBench } from './held-writes-contract.ts';
export {
  type AnsweringLink,
  describeLastAnswers,
  type End,
  type LastAnswersBench,
} from './last-answers-contract.ts';
export { passTime, settle } from './pass-time.ts';
export { EventRecorder, type RecordEventsOptions, recordEvents } from './record-events.ts';
export { ScriptedPeer, type ScriptedPeerOptions, scriptedPeer } from './scripted-peer.ts';
export { SeededRandom } from './seeded-random.ts';
export type { Expectation, TestRunner } from './test-runner.ts';
export type {
  NetworkBench,
  PairBench,
  TransportBench,
  TransportPair,
  TransportTraits,
} from './transport-bench.ts';
export { describeTransport } from './transport-contract.ts';
export { type DecoderPair, type VerifyDecoderOptions, verifyDecoder } from './verify-decoder.ts';
export { verifyFrameTimeout } from './verify-frame-timeout.ts';
export { VirtualChannel } from './virtual-channel.ts';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
