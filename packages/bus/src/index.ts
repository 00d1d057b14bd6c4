/**
 * Messages by subject between processes and machines, over NATS, Redis, connections between the nodes, or memory: `@headrace/bus`.
 *
 * @module
 */

export type {
  Bus,
  BusEvents,
  BusHost,
  BusListener,
  BusSubscription,
  DropCause,
  PublishOutcome,
} from './bus/bus.ts';
export type {
  BusEngine,
  BusLink,
  BusLinkSink,
  LinkWatcher,
  WillWitness,
} from './bus/bus-engine.ts';
export { BUS_ERRORS } from './bus/bus-errors.ts';
export type { EngineBusOptions } from './bus/bus-options.ts';
export { EngineBus } from './bus/engine-bus.ts';
export { type OpenBusOptions, openBus } from './bus/open-bus.ts';
export { type MemoryBusOptions, MemoryHub, memoryBus } from './memory/memory-bus.ts';
