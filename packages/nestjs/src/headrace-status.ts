/**
 * The values of `status` of a client and a server.
 *
 * - `connected`: a server listens; a client has a connection
 * - `reconnecting`: a client has no connection, and tries to get one
 * - `disconnected`: closed, or it has given up
 */
export type HeadraceStatus = 'connected' | 'reconnecting' | 'disconnected';

/** Names the transporter in handlers that are meant for one only: `@MessagePattern('sum', HEADRACE)`. */
export const HEADRACE: unique symbol = Symbol('headrace');
