// The client's end
export type { HeadraceClientOptions } from './client/client-options.ts';
export { HeadraceClient, type HeadraceClientEvents } from './client/headrace-client.ts';
export { HeadraceRecord, type HeadraceRecordOptions } from './client/headrace-record.ts';
// Both ends
export { HEADRACE, type HeadraceStatus } from './headrace-status.ts';
// The server's end
export { HeadraceContext, type PacketMetadata } from './server/headrace-context.ts';
export { HeadraceServer, type HeadraceServerEvents } from './server/headrace-server.ts';
export type { HeadraceServerOptions, SignInVerdict } from './server/server-options.ts';
export type { HeartbeatTimes, WireOptions } from './wire/wire-options.ts';
// The wire
