import net from 'node:net';
import { OptionError } from '../errors.ts';
import { flag, number, whole } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';

/**
 * Options of a TCP socket. They have no effect on a path or a name, which have no such options, so that a program can choose between
 * a port and a path by one setting.
 */
export interface SocketOptions {
  /** Whether the Nagle delay is off. @default true */
  readonly noDelay?: boolean;
  /** Whether TCP keepalive is on. Keepalive finds dead peers late or never, see the heartbeat handler. @default true */
  readonly keepAlive?: boolean;
  /** Idle time before the first keepalive probe, in milliseconds. @default the system's, two hours on Linux */
  readonly keepAliveInitialDelayMs?: number;
  /**
   * Time between keepalive probes, in milliseconds, in steps of whole seconds. The option needs a
   * `keepAliveInitialDelayMs` of at least 1000, because otherwise the system's times apply. A value other than the
   * default needs a Node whose `socket.setKeepAlive` accepts an interval. On other versions `bind` and `connect` fail
   * with `OPTION_INVALID`.
   * @default 1000
   */
  readonly keepAliveIntervalMs?: number;
  /**
   * Number of keepalive probes without an answer after which the connection is lost. The requirements are those of
   * `keepAliveIntervalMs`.
   * @default 10
   */
  readonly keepAliveCount?: number;
}

/** The options of a TCP socket. The defaults of the probes are the values that each Node sets with an initial delay. */
export const SOCKET_OPTIONS = describeOptions('SocketOptions', {
  noDelay: flag({ default: true }),
  keepAlive: flag({ default: true }),
  keepAliveInitialDelayMs: number({ default: 0 }),
  // Linux accepts no larger value.
  keepAliveIntervalMs: number({ min: 1000, max: 32_767_000, default: 1000 }),
  keepAliveCount: whole({ min: 1, max: 127, default: 10 }),
});

/**
 * Whether the runtime can set probes. In Bun, the method has the parameters, but Bun's own sockets do not support
 * probes.
 */
const TAKES_PROBES = net.Socket.prototype.setKeepAlive.length >= 4 && !process.versions['bun'];

/** Enables keepalive on a connected Node socket, with an interval and a count. */
export type SetKeepAlive = (socket: net.Socket) => void;

/**
 * Returns a function that sets probes other than the default on a Node socket; `undefined` if there is nothing to
 * set.
 *
 * @throws OptionError if the runtime cannot set the probes, or there is no initial delay
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
    // Node 20's types do not have the last two parameters.
    const newer = socket as unknown as { setKeepAlive(...args: readonly unknown[]): void };
    newer.setKeepAlive(true, keepAliveInitialDelayMs, keepAliveIntervalMs, keepAliveCount);
  };
}
