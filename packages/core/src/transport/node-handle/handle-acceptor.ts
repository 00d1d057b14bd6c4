import type { Server } from 'node:net';
import type { AcceptedOptions } from '../listen-target.ts';
import type { Transport } from '../transport.ts';
import { handleBelow } from './handle-obstacle.ts';
import { HandleTransport } from './handle-transport.ts';
import type { StreamBinding } from './stream-binding.ts';
import type { ListeningHandle, NodeInternals, StreamHandle } from './stream-handle.ts';

export interface AcceptedListener {
  /** Called with a connection. Drops the connection if it cannot be accepted. */
  adopt(adopt: () => Transport, drop: () => void, descriptor: number | undefined): void;
}

/** Whether an accepted connection inherits the options of the listening socket, which saves five system calls. */
const INHERITS_OPTIONS = process.platform === 'linux';

/** Status that libuv returns if keepalive is on and the system chooses the initial delay. */
const EINVAL = -22;

/** An acceptor that takes the connections of a listening server before Node makes a `net.Socket` of each. */
export class HandleAcceptor {
  private readonly internals: NodeInternals;
  private readonly binding: StreamBinding;
  private readonly sharesListeners: boolean;

  /**
   * @param sharesListeners - whether other processes share the listening sockets, whose options must then not be set
   * here
   */
  constructor(internals: NodeInternals, binding: StreamBinding, sharesListeners: boolean) {
    this.internals = internals;
    this.binding = binding;
    this.sharesListeners = sharesListeners;
  }

  /**
   * Starts accepting with the next connection. Returns the reason if accepting is not possible. Connections that
   * cannot be accepted here arrive as the server's `connection` event.
   *
   * @param givenUp - callback that is called when all later connections arrive as that event
   */
  takeFrom(
    server: Server,
    options: AcceptedOptions,
    to: AcceptedListener,
    givenUp: (why: string) => void,
  ): string | undefined {
    const listening = handleBelow<ListeningHandle>(server) ?? undefined;
    if (listening === undefined || !this.isStream(listening)) {
      return 'the primary of node:cluster listens (round-robin)';
    }
    const nodes = listening.onconnection;
    if (typeof nodes !== 'function') return 'the listening handle of Node is not the one we know';
    const inherits =
      INHERITS_OPTIONS && !this.sharesListeners && hasTakenOptions(listening, options);
    const { binding } = this;
    const acceptor = this;
    let isGivenUp = false;
    listening.onconnection = function (status, handle) {
      const isOurs =
        status === 0 &&
        binding.distrusted === undefined &&
        acceptor.isStream(handle) &&
        server.maxConnections === undefined;
      if (!isOurs) {
        if (binding.distrusted !== undefined && !isGivenUp) {
          isGivenUp = true;
          givenUp(binding.distrusted);
        }
        nodes.call(this, status, handle);
        return;
      }
      const adopt = () => {
        if (!inherits) setOptions(handle, options);
        return new HandleTransport(handle, binding);
      };
      to.adopt(adopt, () => resetHandle(handle), handle.fd);
    };
    return undefined;
  }

  /**
   * Returns true for a TCP or pipe handle of this Node. In a worker of `node:cluster` the listening handle can be a
   * substitute.
   */
  private isStream(handle: StreamHandle | undefined): handle is StreamHandle {
    const { tcp, pipe } = this.internals;
    return handle instanceof tcp.TCP || handle instanceof pipe.Pipe;
  }
}

function resetHandle(handle: StreamHandle): void {
  const status = handle.reset?.(() => {}) ?? -1;
  if (status !== 0) handle.close(() => {});
}

function setOptions(handle: StreamHandle, options: AcceptedOptions): void {
  if (options.noDelay) handle.setNoDelay?.(true);
  if (options.keepAlive) handle.setKeepAlive?.(true, ...probesOf(options));
}

/** Sets the options on the listening handle. Returns false if the handle has not accepted all of them. */
function hasTakenOptions(handle: StreamHandle, options: AcceptedOptions): boolean {
  const { noDelay, keepAlive } = options;
  if (noDelay && handle.setNoDelay !== undefined && handle.setNoDelay(true) !== 0) return false;
  if (!keepAlive || handle.setKeepAlive === undefined) return true;
  const probes = probesOf(options);
  const status = handle.setKeepAlive(true, ...probes);
  // Without a delay, libuv enables keepalive and then returns an error for the delay.
  return status === 0 || (status === EINVAL && probes[0] === 0);
}

/** Returns the initial delay and the interval, in seconds, and the number of probes. */
function probesOf(options: AcceptedOptions): readonly [number, number, number] {
  const { keepAliveInitialDelayMs, keepAliveIntervalMs, keepAliveCount } = options;
  return [
    Math.floor(keepAliveInitialDelayMs / 1000),
    Math.floor(keepAliveIntervalMs / 1000),
    keepAliveCount,
  ];
}
