// A channel over a message port
export type { LocksLike } from './port/life-lock.ts';
export type { PortEvent, PortLike } from './port/port-message.ts';
export {
  type PortLimits,
  PortTransport,
  type PortTransportOptions,
} from './port/port-transport.ts';
// One connection for all tabs
export { OwnConnectionEvent } from './worker/own-connection-event.ts';
export {
  SharedWorkerBootstrap,
  type SharedWorkerLike,
  type SharedWorkerOptions,
  type SharedWorkerPlace,
} from './worker/shared-worker-bootstrap.ts';
export { TabServer, type TabServerEvents, type TabServerOptions } from './worker/tab-server.ts';
