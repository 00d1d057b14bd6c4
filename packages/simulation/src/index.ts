// Networks in one process and in virtual time, with the faults of real networks.
export {
  type Explored,
  ExploreError,
  type ExploreOptions,
  explore,
  type Scenario,
} from './explore/explore.ts';
export type { ClockFault } from './host/machine-clock.ts';
export { type HostProgram, SimulatedHost } from './host/simulated-host.ts';
export type { LatencyOptions } from './network/latency.ts';
export type { DatagramFaults, SimulatedLink } from './network/simulated-link.ts';
export { SimulationError } from './simulation-error.ts';
export type { TcpSettings } from './tcp/tcp-settings.ts';
export type { ChaosOptions, Fault, FaultKind } from './world/fault-plan.ts';
export type { HostNames } from './world/simulated-network.ts';
export {
  type PartitionOptions,
  Simulation,
  type SimulationOptions,
  type SimulationRunOptions,
} from './world/simulation.ts';
export type { SimulationTrace, TraceEntry } from './world/simulation-trace.ts';
