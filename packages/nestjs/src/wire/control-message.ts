/**
 * The messages on a connection other than Nest's packets. On the wire, messages and packets are values of the codec. The
 * member `headrace` distinguishes messages from packets.
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

/**
 * Returns the message if it is a control message. The other members of the message come from the peer, and are not checked.
 */
export function controlOf(message: unknown): ControlMessage | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { headrace } = message as { readonly headrace?: unknown };
  return typeof headrace === 'string' ? (message as ControlMessage) : undefined;
}

export function isControl(message: unknown, kind: ControlMessage['headrace']): boolean {
  return controlOf(message)?.headrace === kind;
}
