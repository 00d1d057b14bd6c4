import net from 'node:net';
import type { Address } from '../contract/connection.ts';
import { toError } from '../errors.ts';
import { AcceptingListener, type ConnectionSource } from './accepting-listener.ts';
import type { AcceptedOptions, ListenTarget } from './listen-target.ts';
import type { Listener, TransportChoice } from './listener.ts';
import { nativeRefused } from './native-sockets.ts';
import type { HandleAcceptor } from './node-handle/handle-acceptor.ts';
import { addressOf } from './socket-address.ts';
import { keepAliveSetter } from './socket-options.ts';
import { SocketTransport } from './socket-transport.ts';
import { StaleSocketFile } from './stale-socket.ts';
import type { Transport } from './transport.ts';

/** The settings for accepting connections directly from Node's handles, if Node allows it. */
export interface HandleAdoption {
  readonly acceptor: HandleAcceptor;
  readonly options: AcceptedOptions;
  /** Whether listening fails if the connections cannot be accepted from handles. */
  readonly isRequired: boolean;
}

/** Returns a listener on a `net.Server` whose connections have these options. */
export function listenOnSocket(
  target: ListenTarget,
  options: AcceptedOptions,
  way: TransportChoice,
  handles?: HandleAdoption,
): Listener {
  const { noDelay, keepAlive, keepAliveInitialDelayMs: keepAliveInitialDelay } = options;
  const setKeepAlive = 'port' in target ? keepAliveSetter(options) : undefined;
  const accepted = { noDelay, keepAlive, keepAliveInitialDelay };
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, ...accepted });
  const adopt = (socket: net.Socket) => {
    setKeepAlive?.(socket);
    return SocketTransport.of(socket);
  };
  const source = new SocketSource(server, target, adopt, way, handles);
  return new AcceptingListener(source, new StaleSocketFile(target));
}

export class SocketSource implements ConnectionSource {
  way: TransportChoice;
  private readonly server: net.Server;
  private readonly target: ListenTarget;
  private readonly adopt: (socket: net.Socket) => Transport;
  private readonly handles: HandleAdoption | undefined;
  private isReporting = false;

  /**
   * @param adopt - function that makes a transport of a connection
   * @param way - kind of the connections, and the reason for it
   * @param handles - settings for connections that are accepted without Node's socket
   */
  constructor(
    server: net.Server,
    target: ListenTarget,
    adopt: (socket: net.Socket) => Transport,
    way: TransportChoice,
    handles?: HandleAdoption,
  ) {
    this.way = way;
    this.server = server;
    this.target = target;
    this.adopt = adopt;
    this.handles = handles;
  }

  listen(to: AcceptingListener): void {
    const { server } = this;
    if (!this.isReporting) this.reportTo(to);
    try {
      server.listen({ ...this.target });
    } catch (thrown) {
      // Node's permission model refuses some targets by a throw.
      process.nextTick(() => to.failed(toError(thrown)));
    }
  }

  close(): void {
    this.server.close();
  }

  private reportTo(to: AcceptingListener): void {
    this.isReporting = true;
    const { server } = this;
    server.on('connection', (socket: net.Socket) => {
      to.adopt(
        () => this.adopt(socket),
        () => socket.destroy(),
      );
    });
    server.on('error', (error) => {
      if (server.listening) to.caught(error);
      else to.failed(error);
    });
    server.on('close', () => to.ended());
    // Node's own `listening` can be true within `listen`, before there is an address.
    server.on('listening', () => {
      const refusal = this.takeHandles(to);
      if (refusal !== undefined && this.handles?.isRequired === true) {
        to.failed(nativeRefused('handle', refusal));
      } else to.listening(addressOfServer(server));
    });
  }

  /** Returns the reason if handles are requested and not available. */
  private takeHandles(to: AcceptingListener): string | undefined {
    if (this.handles === undefined) return undefined;
    const { acceptor, options } = this.handles;
    const givenUp = (why: string) => {
      this.way = { kind: 'socket', why, isFallback: true };
    };
    const refusal = acceptor.takeFrom(this.server, options, to, givenUp);
    if (refusal !== undefined) givenUp(refusal);
    return refusal;
  }
}

function addressOfServer(server: net.Server): Address | undefined {
  const address = server.address();
  if (typeof address === 'string') return { path: address };
  return address === null ? undefined : addressOf(address.address, address.port, address.family);
}
