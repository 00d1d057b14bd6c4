/**
 * The messages between the two ends of a connection that are not Nest's packets. On the wire they are values of the codec, as
 * packets are. The member `headrace` distinguishes them.
 *
 * - `ping`, `pong`: a heartbeat and its answer
 * - `credentials`: the client signs in; the server answers with `welcome` or `refused`
 * - `cancel`: the caller of a request needs no further answer
 * - `leaving`: the server drains; new requests must use another connection
 */
export type ControlMessage =
  | { readonly headrace: 'ping' | 'pong' | 'welcome' | 'refused' | 'leaving' }
  | { readonly headrace: 'credentials'; readonly data: unknown }
  | { readonly headrace: 'cancel'; readonly id: string };

export const PING: ControlMessage = { headrace: 'ping' };
export const PONG: ControlMessage = { headrace: 'pong' };
export const WELCOME: ControlMessage = { headrace: 'welcome' };
export const REFUSED: ControlMessage = { headrace: 'refused' };
export const LEAVING: ControlMessage = { headrace: 'leaving' };

/** Returns the message if it is a control message. Its other members are not checked, and come from the peer. */
export function controlOf(message: unknown): ControlMessage | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { headrace } = message as { readonly headrace?: unknown };
  return typeof headrace === 'string' ? (message as ControlMessage) : undefined;
}

export function isControl(message: unknown, kind: ControlMessage['headrace']): boolean {
  return controlOf(message)?.headrace === kind;
}
