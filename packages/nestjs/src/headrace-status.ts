/**
 * The values of `status` of a client and a server.
 *
 * - `connected`: a server listens, or a client has a connection
 * - `reconnecting`: a client has no connection, and tries to connect
 * - `disconnected`: the client or server is closed, or the client has stopped trying
 */
export type HeadraceStatus = 'connected' | 'reconnecting' | 'disconnected';

/** The transport id for handlers of this transporter only: `@MessagePattern('sum', HEADRACE)`. */
export const HEADRACE: unique symbol = Symbol('headrace');
