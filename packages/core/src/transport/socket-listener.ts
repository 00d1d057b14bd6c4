import net from 'node:net';
import type { Address } from '../contract.ts';
import { toError } from '../errors.ts';
import { AcceptQueue } from './accept-queue.ts';
import type { AcceptedOptions, ListenTarget } from './listen-target.ts';
import type { Listener, ListenerSink, TransportWay } from './listener.ts';
import { nativeRefused } from './native-sockets.ts';
import type { HandleAcceptor } from './node-handle/handle-acceptor.ts';
import { addressOf } from './socket-address.ts';
import { SocketTransport } from './socket-transport.ts';
import { StaleSocketFile } from './stale-socket.ts';
import type { Transport } from './transport.ts';

/** How connections are taken directly from Node's handles, where Node lets us. */
export interface HandleAdoption {
  readonly acceptor: HandleAcceptor;
  readonly options: AcceptedOptions;
  /** Listening fails where the connections cannot be taken so. */
  readonly isRequired: boolean;
}

/** A listening socket of Node's. */
export class SocketListener implements Listener {
  private readonly server: net.Server;
  private readonly target: ListenTarget;
  private readonly adopt: (socket: net.Socket) => Transport;
  private readonly handles: HandleAdoption | undefined;
  private sink: ListenerSink | undefined = undefined;
  private local: Address | undefined = undefined;
  private isListening = false;
  private isClosed = false;
  private readonly staleFile: StaleSocketFile;
  private readonly queue = new AcceptQueue();
  private taken: TransportWay;

  /** On a `net.Server`, whose connections have these options. */
  static of(
    target: ListenTarget,
    options: AcceptedOptions,
    way: TransportWay,
    handles?: HandleAdoption,
  ): SocketListener {
    const { noDelay, keepAlive, keepAliveInitialDelayMs: keepAliveInitialDelay } = options;
    const accepted = { noDelay, keepAlive, keepAliveInitialDelay };
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, ...accepted });
    return new SocketListener(server, target, SocketTransport.of, way, handles);
  }

  /**
   * @param adopt - makes a transport of such a connection
   * @param way - what the connections are, and why
   * @param handles - for connections that are taken without Node's socket
   */
  constructor(
    server: net.Server,
    target: ListenTarget,
    adopt: (socket: net.Socket) => Transport,
    way: TransportWay,
    handles?: HandleAdoption,
  ) {
    this.taken = way;
    this.server = server;
    this.target = target;
    this.staleFile = new StaleSocketFile(target);
    this.adopt = adopt;
    this.handles = handles;
    server.on('connection', (socket: net.Socket) => this.acceptedSocket(socket));
    server.on('error', (error) => this.failed(error));
    server.on('close', () => this.sink?.closed());
  }

  get isActive(): boolean {
    return this.isListening;
  }

  get localAddress(): Address | undefined {
    return this.local;
  }

  get way(): TransportWay {
    return this.taken;
  }

  open(sink: ListenerSink): void {
    this.sink = sink;
    this.server.on('listening', () => this.listens());
    this.listen();
  }

  /** Node's permission model refuses some targets by throwing. */
  private listen(): void {
    try {
      this.server.listen({ ...this.target });
    } catch (thrown) {
      process.nextTick(() => this.failed(toError(thrown)));
    }
  }

  private listens(): void {
    const { handles } = this;
    const why = handles === undefined ? undefined : this.takeHandles(handles);
    if (why !== undefined && handles?.isRequired === true) {
      this.sink?.failed(nativeRefused('handle', why));
      return;
    }
    // Node's own `listening` may be true within `listen`, before there is an address.
    this.isListening = true;
    this.local = addressOfServer(this.server);
    this.queue.open(this.sink!);
    this.sink?.listening();
  }

  requestAccept(): void {
    this.queue.requestAccept();
  }

  pauseAccepting(): void {
    this.queue.pauseAccepting();
  }

  close(): void {
    this.isClosed = true;
    this.isListening = false;
    this.queue.close();
    this.server.close();
  }

  private acceptedSocket(socket: net.Socket): void {
    try {
      this.queue.add(this.adopt(socket));
    } catch (thrown) {
      socket.destroy();
      this.sink?.caught(toError(thrown));
    }
  }

  /** Why handles cannot be had, if they cannot. */
  private takeHandles({ acceptor, options }: HandleAdoption): string | undefined {
    const refusal = acceptor.takeFrom(this.server, options, {
      isShort: (descriptor) => this.queue.isShort(descriptor),
      accepted: (transport) => this.queue.add(transport),
      failedToAccept: (thrown) => this.sink?.caught(toError(thrown)),
      handlesGivenUp: (why) => {
        this.taken = { kind: 'socket', why, isFallback: true };
      },
    });
    if (refusal !== undefined) this.taken = { kind: 'socket', why: refusal, isFallback: true };
    return refusal;
  }

  private failed(error: Error): void {
    if (this.server.listening) this.sink?.caught(error);
    else if (!this.triesAgain(error)) this.sink?.failed(error);
  }

  private triesAgain(error: Error): boolean {
    return this.staleFile.isInTheWay(error, (isRemoved) => {
      if (this.isClosed) return;
      if (isRemoved) this.listen();
      else this.sink?.failed(error);
    });
  }
}

function addressOfServer(server: net.Server): Address | undefined {
  const address = server.address();
  if (typeof address === 'string') return { path: address };
  return address === null ? undefined : addressOf(address.address, address.port, address.family);
}
