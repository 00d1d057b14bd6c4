// `node:net` within one page: servers and clients meet in memory. As much of it as the packages and the samples use,
// with the behavior of TCP that they rely on: order, back-pressure, half-close, resets, refused connections.

import { EventEmitter } from '@jspm/core/nodelibs/events';
import { Duplex } from '@jspm/core/nodelibs/stream';
import { active } from './active-handles.ts';
import { Buffer } from './buffer.ts';
import { process } from './globals.ts';

const WINDOW_BYTES = 64 * 1024;
const FIRST_PORT = 49_152;
const LOOPBACK = '127.0.0.1';

const listening = new Map<string, Server>();
let nextPort = FIRST_PORT;

function systemError(code: string, syscall: string, where: string): Error {
  return Object.assign(new Error(`${syscall} ${code} ${where}`), { code, syscall, errno: -1 });
}

interface Place {
  port?: number;
  host?: string;
  path?: string;
}

const keyOf = ({ port, path }: Place): string =>
  path === undefined ? `port ${port}` : `path ${path}`;
const wordsOf = ({ port, host = LOOPBACK, path }: Place): string => path ?? `${host}:${port}`;

type Done = (error?: Error | null) => void;

export class Socket extends Duplex {
  connecting = false;
  pending = true;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  remoteFamily: string | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  localFamily: string | undefined;
  bytesRead = 0;
  bytesWritten = 0;
  timeout: number | undefined;
  private other: Socket | undefined;
  /** What the peer sent and nobody asked for yet. */
  private readonly arrived: (Buffer | null)[] = [];
  private wants = false;
  /** The peer's write that waits until there is room. */
  private waiting: Done | undefined;
  private held = 0;

  constructor(options: { allowHalfOpen?: boolean } = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen === true,
      autoDestroy: true,
      emitClose: true,
    } as never);
    this.on('end', () => {
      if (!(this as unknown as { allowHalfOpen: boolean }).allowHalfOpen) this.end();
    });
  }

  get readyState(): string {
    if (this.connecting) return 'opening';
    return this.destroyed ? 'closed' : 'open';
  }

  /** Both ends know each other from here on. */
  static join(client: Socket, server: Socket, place: Place): void {
    client.other = server;
    server.other = client;
    if (place.path === undefined) {
      const port = place.port!;
      const own = nextPort++;
      client.name(LOOPBACK, own, LOOPBACK, port);
      server.name(LOOPBACK, port, LOOPBACK, own);
    }
    for (const socket of [client, server]) {
      socket.pending = false;
      active.add(socket);
    }
  }

  private name(local: string, localPort: number, remote: string, remotePort: number): void {
    this.localAddress = local;
    this.localPort = localPort;
    this.remoteAddress = remote;
    this.remotePort = remotePort;
    this.localFamily = this.remoteFamily = 'IPv4';
  }

  address(): object {
    return { address: this.localAddress, port: this.localPort, family: this.localFamily };
  }

  override _read(): void {
    this.wants = true;
    this.handOver();
  }

  private handOver(): void {
    while (this.wants && this.arrived.length > 0) {
      const piece = this.arrived.shift()!;
      if (piece !== null) {
        this.held -= piece.length;
        this.bytesRead += piece.length;
      }
      this.wants = this.push(piece);
    }
    if (this.held >= WINDOW_BYTES || this.waiting === undefined) return;
    const { waiting } = this;
    this.waiting = undefined;
    waiting();
  }

  /** The peer's bytes, or its end. */
  private arrive(piece: Buffer | null, done: Done): void {
    if (this.destroyed) {
      done(piece === null ? null : systemError('EPIPE', 'write', ''));
      return;
    }
    if (piece !== null) this.held += piece.length;
    this.arrived.push(piece);
    if (this.held > WINDOW_BYTES) this.waiting = done;
    else done();
    this.handOver();
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.whenConnected(() => {
      this.bytesWritten += chunk.length;
      const copy = Buffer.from(chunk);
      setTurn(() => {
        if (this.other === undefined) done(systemError('EPIPE', 'write', ''));
        else this.other.arrive(copy, done);
      });
    });
  }

  override _final(done: Done): void {
    this.whenConnected(() => {
      setTurn(() => {
        if (this.other === undefined) done();
        else this.other.arrive(null, done);
      });
    });
  }

  private whenConnected(task: () => void): void {
    if (this.connecting) this.once('connect', task);
    else task();
  }

  override _destroy(error: Error | null, done: Done): void {
    active.delete(this);
    this.waiting?.(systemError('EPIPE', 'write', ''));
    this.waiting = undefined;
    const { other } = this;
    this.other = undefined;
    // An end that is on its way arrives; a socket that is destroyed with unread input resets its peer.
    if (other !== undefined && !other.destroyed) {
      const isReset = this.isReset || this.arrived.some((piece) => piece !== null);
      setTurn(() => other.lost(isReset, this.writableEnded));
    }
    this.connecting = false;
    done(error);
  }

  private isReset = false;

  private lost(isReset: boolean, hasEnded: boolean): void {
    if (this.destroyed) return;
    this.other = undefined;
    if (isReset) this.destroy(systemError('ECONNRESET', 'read', '') as never);
    else if (!hasEnded) {
      this.arrived.push(null);
      this.handOver();
    }
  }

  resetAndDestroy(): this {
    this.isReset = true;
    return this.destroy();
  }

  connect(options: Place & { onread?: OnRead; signal?: AbortSignal }, listener?: () => void): this {
    if (listener !== undefined) this.once('connect', listener);
    this.connecting = true;
    if (options.onread !== undefined) this.readInto(options.onread);
    setTurn(() => {
      if (this.destroyed) return;
      const server = listening.get(keyOf(options));
      if (server === undefined) {
        this.connecting = false;
        this.destroy(systemError('ECONNREFUSED', 'connect', wordsOf(options)) as never);
        return;
      }
      const accepted = server.accept(this, options);
      this.connecting = false;
      this.emit('connect');
      this.emit('ready');
      server.announce(accepted);
    });
    return this;
  }

  /** Node reads into one buffer, and calls back with how much it holds. */
  private readInto({ buffer, callback }: OnRead): void {
    this.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; at += buffer.length) {
        callback(bytes.copy(buffer, 0, at, at + buffer.length), buffer);
      }
    });
    this.pause();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(ms: number): this {
    this.timeout = ms;
    return this;
  }

  ref(): this {
    if (!this.destroyed && this.other !== undefined) active.add(this);
    return this;
  }

  unref(): this {
    active.delete(this);
    return this;
  }
}

interface OnRead {
  readonly buffer: Buffer;
  readonly callback: (count: number, buffer: Buffer) => boolean;
}

function setTurn(task: () => void): void {
  const { port1, port2 } = new MessageChannel();
  const turn = {};
  active.add(turn);
  port1.onmessage = () => {
    active.delete(turn);
    port1.close();
    task();
  };
  port2.postMessage(undefined);
}

interface ServerOptions {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
}

export class Server extends EventEmitter {
  listening = false;
  maxConnections: number | undefined;
  private readonly options: ServerOptions;
  private place: Place | undefined;
  private readonly sockets = new Set<Socket>();

  constructor(
    options?: ServerOptions | ((socket: Socket) => void),
    listener?: (socket: Socket) => void,
  ) {
    super();
    this.options = typeof options === 'object' ? options : {};
    const connected = typeof options === 'function' ? options : listener;
    if (connected !== undefined) this.on('connection', connected);
  }

  listen(...args: unknown[]): this {
    const [target, ...rest] = args;
    const callback = [target, ...rest].find((one) => typeof one === 'function') as
      | (() => void)
      | undefined;
    const place: Place =
      typeof target === 'object' && target !== null
        ? { ...(target as Place) }
        : typeof target === 'string'
          ? { path: target }
          : { port: typeof target === 'number' ? target : 0 };
    if (callback !== undefined) this.once('listening', callback);
    if (place.path === undefined && !(place.port! > 0)) place.port = nextPort++;
    setTurn(() => {
      if (listening.has(keyOf(place))) {
        this.emit('error', systemError('EADDRINUSE', 'listen', wordsOf(place)));
        return;
      }
      this.place = place;
      this.listening = true;
      listening.set(keyOf(place), this);
      active.add(this);
      this.emit('listening');
    });
    return this;
  }

  address(): object | string | null {
    if (this.place === undefined || !this.listening) return null;
    const { path, host = LOOPBACK, port } = this.place;
    if (path !== undefined) return path;
    const isLoopback = host === 'localhost' || host === '0.0.0.0' || host === '::' || host === '';
    return {
      address: isLoopback ? LOOPBACK : host,
      port,
      family: host.includes(':') ? 'IPv6' : 'IPv4',
    };
  }

  accept(client: Socket, place: Place): Socket {
    const socket = new Socket({ allowHalfOpen: this.options.allowHalfOpen === true });
    Socket.join(client, socket, place);
    this.sockets.add(socket);
    socket.on('close', () => {
      this.sockets.delete(socket);
      this.closeWhenEmpty();
    });
    return socket;
  }

  announce(socket: Socket): void {
    if (this.options.pauseOnConnect === true) socket.pause();
    this.emit('connection', socket);
  }

  getConnections(callback: (error: null, count: number) => void): this {
    setTurn(() => callback(null, this.sockets.size));
    return this;
  }

  close(callback?: (error?: Error) => void): this {
    if (callback !== undefined) this.once('close', callback);
    if (this.place !== undefined) listening.delete(keyOf(this.place));
    this.listening = false;
    active.delete(this);
    this.isClosing = true;
    setTurn(() => this.closeWhenEmpty());
    return this;
  }

  private isClosing = false;

  private closeWhenEmpty(): void {
    if (!this.isClosing || this.sockets.size > 0) return;
    this.isClosing = false;
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.close(() => resolve()));
  }

  ref(): this {
    if (this.listening) active.add(this);
    return this;
  }

  unref(): this {
    active.delete(this);
    return this;
  }
}

export function createServer(...args: ConstructorParameters<typeof Server>): Server {
  return new Server(...args);
}

export function connect(...args: unknown[]): Socket {
  const [first, second, third] = args;
  const listener = args.find((one) => typeof one === 'function') as (() => void) | undefined;
  if (typeof first === 'object' && first !== null) {
    return new Socket(first as object).connect(first as Place, listener);
  }
  if (typeof first === 'string') return new Socket().connect({ path: first }, listener);
  const host = typeof second === 'string' ? second : undefined;
  void third;
  return new Socket().connect(
    { port: Number(first), ...(host === undefined ? {} : { host }) },
    listener,
  );
}

export const createConnection = connect;
export const Stream = Socket;

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

export function isIPv4(text: string): boolean {
  return IPV4.test(text);
}

export function isIPv6(text: string): boolean {
  if (!/^[0-9a-f:.]+(?:%.+)?$/i.test(text)) return false;
  try {
    return new URL(`http://[${text.split('%')[0]}]/`).hostname !== '';
  } catch {
    return false;
  }
}

export function isIP(text: string): 0 | 4 | 6 {
  if (isIPv4(text)) return 4;
  return isIPv6(text) ? 6 : 0;
}

/** Bits of an address, 32 or 128 of them. */
function bitsOf(address: string): string {
  if (isIPv4(address)) {
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  }
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const front = words(head);
  const back = words(tail ?? '');
  const middle = new Array<string>(tail === undefined ? 0 : 8 - front.length - back.length).fill(
    '0',
  );
  return [...front, ...middle, ...back]
    .map((word) => Number.parseInt(word, 16).toString(2).padStart(16, '0'))
    .join('');
}

export class BlockList {
  private readonly prefixes: string[] = [];
  readonly rules: string[] = [];

  addAddress(address: string): void {
    this.prefixes.push(`${isIP(address)} ${bitsOf(address)}`);
  }

  addSubnet(address: string, prefix: number): void {
    this.prefixes.push(`${isIP(address)} ${bitsOf(address).slice(0, prefix)}`);
  }

  check(address: string): boolean {
    const bits = `${isIP(address)} ${bitsOf(address)}`;
    return this.prefixes.some((prefix) => bits.startsWith(prefix));
  }
}

export function setDefaultAutoSelectFamilyAttemptTimeout(): void {}
export function getDefaultAutoSelectFamilyAttemptTimeout(): number {
  return 250;
}

void process;
export default {
  BlockList,
  Server,
  Socket,
  Stream,
  connect,
  createConnection,
  createServer,
  isIP,
  isIPv4,
  isIPv6,
  getDefaultAutoSelectFamilyAttemptTimeout,
  setDefaultAutoSelectFamilyAttemptTimeout,
};
