import { recognizeCopies } from '@headrace/core/authoring';
import type { ProxyHeader } from './proxy-header.ts';

/**
 * A user event: the client's address is known. Fired once for each connection, before the first byte of data:
 * with the header, or without one for a peer that is not a trusted proxy but is accepted as a client.
 */
export class ProxyProtocolEvent {
  static {
    recognizeCopies(ProxyProtocolEvent, 'headrace.ProxyProtocolEvent');
  }

  readonly header: ProxyHeader | undefined;

  constructor(header: ProxyHeader | undefined) {
    this.header = header;
  }
}
