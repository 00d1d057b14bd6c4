// The client's end
export type { HeadraceClientOptions } from './client/client-options.ts';
export { HeadraceClient } from './client/headrace-client.ts';
export { HeadraceRecord } from './client/headrace-record.ts';
// Both ends
export { HEADRACE, type HeadraceStatus } from './headrace-status.ts';
// The server's end
export { HeadraceContext, type PacketMetadata } from './server/headrace-context.ts';
export { HeadraceServer } from './server/headrace-server.ts';
// The wire
