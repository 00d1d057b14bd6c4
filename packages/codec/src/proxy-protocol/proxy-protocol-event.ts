import type { ProxyHeader } from './proxy-header.ts';

/** A user event: the connection began with a valid PROXY header. Comes before the first byte behind it. */
export class ProxyProtocolEvent {
  readonly header: ProxyHeader;

  constructor(header: ProxyHeader) {
    this.header = header;
  }
}
