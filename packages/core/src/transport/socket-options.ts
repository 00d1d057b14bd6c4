import { flag, number } from '../internal/option-kind.ts';
import { describeOptions } from '../internal/option-set.ts';

/** Options of a TCP socket; those that a path or a name does not have are ignored. */
export interface SocketOptions {
  /** No Nagle delay. @default true */
  readonly noDelay?: boolean;
  /** TCP keepalive; it finds dead peers late or never, see the heartbeat handler. @default true */
  readonly keepAlive?: boolean;
  /** Idle time before the first keepalive probe. @default the system's, two hours on Linux */
  readonly keepAliveInitialDelayMs?: number;
}

/** The options of a TCP socket. */
export const SOCKET_OPTIONS = describeOptions('SocketOptions', {
  noDelay: flag({ default: true }),
  keepAlive: flag({ default: true }),
  keepAliveInitialDelayMs: number({ default: 0 }),
});
