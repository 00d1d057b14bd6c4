import type { ProxyHeader } from './proxy-header.ts';

/**
 * A user event: it is known who the client is. Comes once for each connection, before the first byte of data,
 * when a valid header has come; or without one, for a peer that is no proxy and may be a client itself.
 */
export class ProxyProtocolEvent {
  readonly header: ProxyHeader | undefined;

  constructor(header: ProxyHeader | undefined) {
    this.header = header;
  }
}
