import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import {
  type Address,
  type Channel,
  type Logger,
  openChannel,
  stderrLogger,
  systemClock,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { warnFirst } from '@headrace/core/authoring';
import type { TunnelPlace } from './tunnel-place.ts';

/** A connection that another HTTP server has accepted. */
interface HostedConnection {
  readonly channel: Channel;
  hasWarned: boolean;
}

/** The connections of other Node HTTP servers whose requests and upgrades an endpoint accepts. */
export class HostedConnections {
  /** One logger for all connections, which limits repeated lines. */
  readonly logger: Logger;
  private readonly known = new WeakMap<Socket, HostedConnection>();

  constructor(logger: Logger | undefined) {
    this.logger = logger ?? stderrLogger();
  }

  requestOf({ socket }: IncomingMessage, response: ServerResponse): HostedRequest {
    return new HostedRequest(this.connectionOf(socket), response);
  }

  /** Returns the channel that represents the connection. */
  channelOf(socket: Socket): Channel {
    return this.connectionOf(socket).channel;
  }

  private connectionOf(socket: Socket): HostedConnection {
    let connection = this.known.get(socket);
    if (connection === undefined) {
      const channel = openChannel(new HostedTransport(socket), { logger: this.logger });
      connection = { channel, hasWarned: false };
      this.known.set(socket, connection);
    }
    return connection;
  }
}

/** A request that another Node HTTP server has read. The other server owns the socket, the time-outs and the drain. */
class HostedRequest implements TunnelPlace {
  readonly isDraining = false;
  private readonly hosted: HostedConnection;
  private readonly response: ServerResponse;

  constructor(hosted: HostedConnection, response: ServerResponse) {
    this.hosted = hosted;
    this.response = response;
  }

  get connection(): Channel {
    return this.hosted.channel;
  }

  carries(): void {}
  sessionCame(): void {}
  sessionLeft(): void {}
  onDrain(): void {}

  refuse(status: number, headers: readonly string[] = []): void {
    const { response } = this;
    if (response.headersSent || response.destroyed) return;
    for (const line of headers) {
      const [name, value] = line.split(/: (.*)/s);
      response.setHeader(name!, value!);
    }
    const text = `${STATUS_CODES[status] ?? ''}\n`;
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
  }

  refuseOrigin(origin: string): void {
    this.refuse(403);
    this.log(`a WebSocket from the origin ${JSON.stringify(origin.slice(0, 200))} is not allowed`);
  }

  refuseFailed(error: Error): void {
    this.refuse(500);
    this.log(`failed a request: ${error.message}`, error);
  }

  refuseBroken(error: Error, headers?: readonly string[], status = 400): void {
    this.refuse(status, headers);
    this.log(`not a valid HTTP request (${error.message})`);
  }

  private log(text: string, error?: Error): void {
    const { hosted } = this;
    const isFirst = !hosted.hasWarned;
    hosted.hasWarned = true;
    warnFirst(hosted.channel, isFirst, text, error);
  }
}

/**
 * A transport over a socket that an HTTP server reads and writes. The transport's channel has the socket's addresses and can
 * close the socket.
 */
class HostedTransport implements Transport {
  readonly accepts = 'nothing, because an HTTP server has the connection';
  readonly unsentBytes = 0;
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    // A closed socket has no addresses.
    this.localAddress = addressOf(socket.localAddress, socket.localPort, socket.localFamily);
    this.remoteAddress = addressOf(socket.remoteAddress, socket.remotePort, socket.remoteFamily);
  }

  get isActive(): boolean {
    return !this.socket.destroyed;
  }

  open(sink: TransportSink): void {
    if (this.socket.destroyed) systemClock.execute(() => sink.disconnected());
    else this.socket.once('close', () => sink.disconnected());
  }

  requestRead(): void {}
  pauseReading(): void {}

  sizeOf(): number {
    return -1;
  }

  write(): boolean {
    return true;
  }

  shutdownOutput(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroy();
  }

  abort(): void {
    this.socket.destroy();
  }
}

function addressOf(host?: string, port?: number, family?: string): Address | undefined {
  if (host === undefined || port === undefined) return undefined;
  return { host, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' };
}
