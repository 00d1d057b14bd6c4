import { recognizeCopies } from '@headrace/core/authoring';
import type { ProxyHeader } from './proxy-header.ts';

/**
 * A user event that announces the client's address. The event is fired once for each connection, before the first byte of data.
 * The header is `undefined` for a peer that is not a trusted proxy but is accepted as a client.
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
