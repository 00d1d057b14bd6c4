// Test kit: channels without a socket, virtual time, recorders, scripted peers, contract suites.
import '../copy.ts';

export { BareSocket } from './bare-socket.ts';
export { type ConnectedPair, type ConnectedPairOptions, connectedPair } from './connected-pair.ts';
export { describeEarlyWrites, type EarlyWritesBench } from './early-writes-contract.ts';
export {
  EmbeddedChannel,
  type EmbeddedChannelOptions,
  type LeftOver,
  type MessageClass,
} from './embedded-channel.ts';
export type { EmbeddedTransport } from './embedded-transport.ts';
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
export {
  type Explored,
  ExploreError,
  type ExploreOptions,
  explore,
  type Scenario,
} from './simulation/explore.ts';
export type { ChaosOptions, Fault, FaultKind } from './simulation/fault-plan.ts';
export type { LatencyOptions } from './simulation/latency.ts';
export type { ClockFault } from './simulation/machine-clock.ts';
export { type HostProgram, SimulatedHost } from './simulation/simulated-host.ts';
export type { SimulatedLink } from './simulation/simulated-link.ts';
export type { HostNames } from './simulation/simulated-network.ts';
export {
  type PartitionOptions,
  Simulation,
  type SimulationOptions,
  type SimulationRunOptions,
} from './simulation/simulation.ts';
export { SimulationError } from './simulation/simulation-error.ts';
export type { SimulationTrace, TraceEntry } from './simulation/simulation-trace.ts';
export type { TcpSettings } from './simulation/tcp-settings.ts';
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
export { VirtualChannel } from './virtual-channel.ts';
export { VirtualClock } from './virtual-clock.ts';
