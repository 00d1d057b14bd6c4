import net from 'node:net';
import { OptionError } from '../errors.ts';
import { flag, number, whole } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';

/** Options of a TCP socket; those that a path or a name does not have are ignored. */
export interface SocketOptions {
  /** No Nagle delay. @default true */
  readonly noDelay?: boolean;
  /** TCP keepalive; it finds dead peers late or never, see the heartbeat handler. @default true */
  readonly keepAlive?: boolean;
  /** Idle time before the first keepalive probe. @default the system's, two hours on Linux */
  readonly keepAliveInitialDelayMs?: number;
  /**
   * Time between keepalive probes, in whole seconds. It needs a `keepAliveInitialDelayMs`: without one the system's
   * times hold. Another time than the default needs a Node whose `socket.setKeepAlive` takes an interval; elsewhere
   * `bind` and `connect` fail with `OPTION_INVALID`. @default 1000
   */
  readonly keepAliveIntervalMs?: number;
  /** The connection is lost after so many keepalive probes without an answer; as `keepAliveIntervalMs`. @default 10 */
  readonly keepAliveCount?: number;
}

/** The options of a TCP socket. The times of the probes are those that each Node sets with an initial delay. */
export const SOCKET_OPTIONS = describeOptions('SocketOptions', {
  noDelay: flag({ default: true }),
  keepAlive: flag({ default: true }),
  keepAliveInitialDelayMs: number({ default: 0 }),
  // Linux takes no more.
  keepAliveIntervalMs: number({ min: 1000, max: 32_767_000, default: 1000 }),
  keepAliveCount: whole({ min: 1, max: 127, default: 10 }),
});

/** Bun has the parameters, and its own sockets do not. */
const TAKES_PROBES = net.Socket.prototype.setKeepAlive.length >= 4 && !process.versions['bun'];

/** Enables keepalive on a Node connected socket, with an interval and a count. */
export type SetKeepAlive = (socket: net.Socket) => void;

/**
 * How the probes that are not the default are set on a Node socket; `undefined` where nothing is to be set.
 *
 * @throws OptionError if the runtime cannot set them, or there is no initial delay
 */
export function keepAliveSetter(
  options: Required<SocketOptions>,
  takesProbes: boolean = TAKES_PROBES,
): SetKeepAlive | undefined {
  const { keepAlive, keepAliveInitialDelayMs, keepAliveIntervalMs, keepAliveCount } = options;
  const option = keepAliveIntervalMs === 1000 ? 'keepAliveCount' : 'keepAliveIntervalMs';
  if (!keepAlive || (keepAliveIntervalMs === 1000 && keepAliveCount === 10)) return undefined;
  if (keepAliveInitialDelayMs < 1000) {
    const text = `${option} needs a keepAliveInitialDelayMs of 1000 or more, and it is ${keepAliveInitialDelayMs}`;
    throw new OptionError('OPTION_CONFLICT', text, { option });
  }
  if (!takesProbes) {
    const { bun, node } = process.versions;
    const here = bun === undefined ? `Node ${node}` : `Bun ${bun}`;
    const text = `${option} needs a Node whose socket.setKeepAlive takes an interval and a count (24.21 and 26.10 do), but this is ${here}`;
    throw new OptionError('OPTION_INVALID', text, { option });
  }
  return (socket) => {
    // Node 20's types do not have the last two.
    const newer = socket as unknown as { setKeepAlive(...args: readonly unknown[]): void };
    newer.setKeepAlive(true, keepAliveInitialDelayMs, keepAliveIntervalMs, keepAliveCount);
  };
}
