// Test kit: channels without a socket, virtual time, recorders, scripted peers, contract suites.
import '../copy.ts';

export { type ConnectedPair, connectedPair } from './connected-pair.ts';
export { describeEarlyWrites, type EarlyWritesBench } from './early-writes-contract.ts';
export {
  EmbeddedChannel,
  type EmbeddedChannelOptions,
  type MessageClass,
} from './embedded-channel.ts';
export { describeHeldReads, type HeldReadsBench } from './held-reads-contract.ts';
export { describeHeldWrites, type HeldWritesBench } from './held-writes-contract.ts';
export { passTime, settle } from './pass-time.ts';
export { EventRecorder, recordEvents } from './record-events.ts';
export { ScriptedPeer, scriptedPeer } from './scripted-peer.ts';
export { type Explored, ExploreError, explore, type Scenario } from './simulation/explore.ts';
export type { ChaosOptions, Fault } from './simulation/fault-plan.ts';
export { SimulatedHost } from './simulation/simulated-host.ts';
export type { SimulatedLink } from './simulation/simulated-link.ts';
export { Simulation, type SimulationOptions } from './simulation/simulation.ts';
export { SimulationError } from './simulation/simulation-error.ts';
export type { TestRunner } from './test-runner.ts';
export type { TransportBench } from './transport-bench.ts';
export { describeTransport } from './transport-contract.ts';
export { verifyDecoder } from './verify-decoder.ts';
export { VirtualChannel } from './virtual-channel.ts';
export { VirtualClock } from './virtual-clock.ts';
