import type { Duplex } from 'node:stream';
import {
  type Address,
  type Channel,
  type CloseInfo,
  DecodeError,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { describeOptions, transportOf, unchecked } from '@headrace/core/authoring';
import { closeCodeOf, closeText, type WebSocketClose } from './close-codes.ts';
import { type FrameOutput, type Outgoing, payloadLength, payloadOf } from './frame-output.ts';
import { SharedMessage } from './shared-message.ts';
import { TextMessage, type WebSocketInput } from './text-message.ts';
import { type CloseListener, CONNECTING, OPEN, type WsSocket } from './ws-socket.ts';

/** Where a WebSocket runs. */
export interface WebSocketCarrier {
  /** The channel that carries it, on a server: its addresses, and the one to reset. */
  readonly parent?: Channel;
  /** The stream it writes to: corked around the messages of one flush. */
  readonly stream?: Duplex;
  /** @internal Writes messages past the library and the stream. */
  readonly frames?: FrameOutput;
}

export const CARRIER = describeOptions('WebSocketTransport', {
  parent: unchecked(),
  stream: unchecked(),
  frames: unchecked(),
});

/** A WebSocket of the `ws` library as a transport: messages in, messages out. */
export class WebSocketTransport implements Transport, CloseListener {
  readonly accepts = 'strings, TextMessages and Uint8Arrays';
  /** Called with how the peer closed, once it has. */
  onPeerClose: ((close: WebSocketClose) => void) | undefined = undefined;
  private readonly ws: WsSocket;
  private readonly carrier: WebSocketCarrier;
  private socket: Duplex | undefined = undefined;
  private addresses: { readonly local?: Address; readonly remote?: Address } = {};
  private sink: TransportSink | undefined = undefined;
  private mayRead = false;
  private isInBurst = false;
  /** Messages since the start, for {@link TransportSink.checkTurn}. */
  private received = 0;
  private held: WebSocketInput[] = [];
  private isWriting = false;
  /** Writes that the library has not reported yet, in the order in which it got them. */
  private libraryCalls = 0;
  /** The last of them is the write under way. */
  private waitsForLibrary = false;
  private wasAnswered = false;
  /** The payloads that were given to `carrier.frames`, and are not sent. */
  private framedBytes = 0;
  private isOver = false;
  private peerClose: WebSocketClose | undefined = undefined;
  private failure: Error | undefined = undefined;
  private onSent: ((error?: Error) => void) | undefined = undefined;

  constructor(ws: WsSocket, carrier: WebSocketCarrier = {}) {
    CARRIER.checkNames(carrier);
    this.ws = ws;
    this.carrier = carrier;
    ws.closeListener = this;
    ws.on('message', onMessage);
    ws.on('error', onError);
    ws.on('close', onClose);
  }

  get isActive(): boolean {
    return this.ws.readyState === OPEN;
  }

  get localAddress(): Address | undefined {
    return this.carrier.parent?.localAddress ?? this.addresses.local;
  }

  get remoteAddress(): Address | undefined {
    return this.carrier.parent?.remoteAddress ?? this.addresses.remote;
  }

  get unsentBytes(): number {
    // While one long message is sent, the progress is that of the connection below.
    const waiting = this.framedBytes + this.ws.bufferedAmount;
    return waiting - (this.carrier.parent?.outboundProgress ?? 0);
  }

  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.carrier.parent)?.unacknowledgedBytes;
  }

  /** The subprotocol that both sides agreed on, once active; `undefined` if they did not. */
  get subprotocol(): string | undefined {
    return this.ws.protocol === '' ? undefined : this.ws.protocol;
  }

  /** The handshake was refused before there was a WebSocket. */
  refuse(error: Error): void {
    this.sink?.failed(error);
  }

  /** The stream below, if it is known. */
  get stream(): Duplex | undefined {
    return this.carrier.stream ?? this.socket;
  }

  /** A client's connection, which is there only once the server has answered. */
  upgraded(socket: Duplex, local: Address | undefined, remote: Address | undefined): void {
    this.socket = socket;
    this.addresses = { ...(local && { local }), ...(remote && { remote }) };
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    if (this.ws.readyState === CONNECTING) this.ws.on('open', () => sink.connected());
  }

  // --- input ---

  requestRead(): void {
    this.mayRead = true;
    if (this.held.length > 0) this.beginBurst();
    else if (this.ws.isPaused) this.ws.resume();
  }

  pauseReading(): void {
    this.mayRead = false;
    if (!this.isInBurst) this.ws.pause();
  }

  arrived(message: WebSocketInput): void {
    if (this.isOver) return;
    if (this.held.length > 0 || !this.mayRead) {
      this.held.push(message);
      if (!this.mayRead) this.ws.pause();
      return;
    }
    this.beginBurst();
    this.pass(message);
  }

  private pass(message: WebSocketInput): void {
    const { sink } = this;
    sink?.received(message);
    this.received += 1;
    // A hold, also this one, takes the permission to read away: the rest of the burst is kept.
    if (this.received % MESSAGES_PER_CHECK === 0) sink?.checkTurn();
  }

  /** The messages of one chunk of bytes come within one tick: they are one burst. */
  private beginBurst(): void {
    if (this.isInBurst) return;
    this.isInBurst = true;
    process.nextTick(endBurst, this);
  }

  endBurst(): void {
    const { held } = this;
    this.held = [];
    for (const message of held) {
      if (this.mayRead) this.pass(message);
      else this.held.push(message);
    }
    this.isInBurst = false;
    this.mayRead = false;
    if (this.isOver) return;
    this.sink?.readComplete();
    if (!this.mayRead) this.ws.pause();
  }

  // --- output ---

  sizeOf(message: unknown): number {
    const isOurs =
      typeof message === 'string' ||
      message instanceof Uint8Array ||
      message instanceof TextMessage ||
      message instanceof SharedMessage;
    return isOurs ? payloadLength(message) : -1;
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const { ws, carrier } = this;
    this.isWriting = true;
    // It is closing: the close is reported to the channel, which fails what it still holds.
    if (ws.readyState !== OPEN) return false;
    const { frames } = carrier;
    if (frames?.takes(messages) && this.isAnswered) {
      const future = frames.write(messages);
      this.isWriting = !future.isSuccess;
      if (!this.isWriting) return true;
      this.framedBytes = bytes;
      future.onSettled((error) => this.framesSent(error));
      return false;
    }
    this.writeByLibrary(messages);
    // The library counts no byte of an empty message, though it may be compressing it.
    this.isWriting = ws.bufferedAmount > 0 || bytes === 0;
    this.waitsForLibrary = this.isWriting;
    return !this.isWriting;
  }

  /** The answer of the handshake may still wait in the stream below: frames written past the stream would overtake it. */
  private get isAnswered(): boolean {
    // Later only frames without data wait there, which may come in between.
    this.wasAnswered ||= this.ws.bufferedAmount === 0;
    return this.wasAnswered;
  }

  private writeByLibrary(messages: readonly unknown[]): void {
    const { stream } = this.carrier;
    stream?.cork();
    const last = messages.length - 1;
    this.onSent ??= (error) => this.sentByLibrary(error);
    this.libraryCalls += 1;
    for (let i = 0; i < last; i++) this.send(messages[i] as Outgoing, undefined);
    this.send(messages[last] as Outgoing, this.onSent);
    stream?.uncork();
  }

  private send(message: Outgoing, callback: ((error?: Error) => void) | undefined): void {
    const isText =
      message instanceof SharedMessage ? message.isText : !(message instanceof Uint8Array);
    const data = typeof message === 'string' ? message : payloadOf(message);
    this.ws.send(data, { binary: !isText }, callback);
  }

  /** Also called, later, for writes whose end `write` returned itself, and with an error after the close. */
  private sentByLibrary(error: Error | undefined): void {
    this.libraryCalls -= 1;
    if (this.libraryCalls > 0 || !this.waitsForLibrary || error) return;
    // Node reports no error of what a destroyed stream has not sent.
    if (this.stream?.destroyed) return;
    this.waitsForLibrary = false;
    this.sent();
  }

  private sent(): void {
    if (!this.isWriting || this.isOver) return;
    this.isWriting = false;
    this.framedBytes = 0;
    this.sink?.written();
  }

  /** A handler below that fails a write has lost part of what the peer reads, as a stream that fails has. */
  private framesSent(error: Error | undefined): void {
    if (error === undefined) this.sent();
    else this.carrier.stream?.destroy(error);
  }

  shutdownOutput(info: CloseInfo): void {
    this.sayGoodbye(info);
    process.nextTick(() => this.sink?.outputEnded());
  }

  close(info: CloseInfo): void {
    this.isOver = true;
    this.held = [];
    const isOpen = this.ws.readyState === OPEN;
    // A close frame after output that is stuck would never be sent.
    if (isOpen && this.framedBytes + this.ws.bufferedAmount === 0) this.sayGoodbye(info);
    else if (isOpen || this.peerClose === undefined) this.ws.terminate();
    // Further input is dropped, but the peer's close frame must be read.
    if (isOpen) this.ws.resume();
  }

  abort(info: CloseInfo): void {
    this.isOver = true;
    this.held = [];
    this.carrier.parent?.abort(info.reason);
    this.ws.terminate();
  }

  private sayGoodbye({ reason, error }: CloseInfo): void {
    const { ws } = this;
    if (ws.readyState !== OPEN) return;
    const code = closeCodeOf(reason, error);
    const text = closeText(reason);
    if (ws.finish === undefined) ws.close(code, text);
    else ws.finish(code, text);
  }

  // --- the end ---

  peerClosed(code: number, reason: string): void {
    this.closedBy({ code, reason });
    this.passHeld();
    this.sink?.inputEnded();
  }

  /** What was read comes before the end, or the error, that followed it, though reads are held. */
  private passHeld(): void {
    const { held } = this;
    if (held.length === 0) return;
    this.held = [];
    for (const message of held) if (!this.isOver) this.sink?.received(message);
    if (!this.isOver) this.sink?.readComplete();
  }

  erred(error: Error): void {
    const { brokenCode } = this.ws;
    if (brokenCode === undefined) {
      this.failure ??= error;
      return;
    }
    if (this.isOver) return;
    this.passHeld();
    this.sink?.caught(protocolError(brokenCode, error));
  }

  gone(code: number): void {
    this.passHeld();
    this.isOver = true;
    const wasClean = this.peerClose !== undefined || code !== 1006;
    if (this.peerClose === undefined) this.closedBy({ code, reason: '' });
    const below = this.carrier.parent;
    if (below !== undefined) {
      // What closed the connection below closed the WebSocket.
      if (below.closeInfo?.error !== undefined) this.sink?.failed(below.closeInfo.error);
      this.sink?.disconnected(below.closeInfo);
      return;
    }
    if (!wasClean) {
      this.sink?.failed(this.failure ?? Object.assign(new Error(CUT_OFF), { code: 'ECONNRESET' }));
    }
    this.sink?.disconnected();
  }

  private closedBy(close: WebSocketClose): void {
    this.peerClose = close;
    this.onPeerClose?.(close);
  }
}

const MESSAGES_PER_CHECK = 16;
const CUT_OFF = 'the connection ended without a close frame';

// One function each for all WebSockets: there may be very many.

function transportOn(ws: WsSocket): WebSocketTransport {
  return ws.closeListener as WebSocketTransport;
}

function onMessage(this: WsSocket, data: Buffer, isBinary: boolean): void {
  transportOn(this).arrived(isBinary ? data : data.toString());
}

function onError(this: WsSocket, error: Error): void {
  transportOn(this).erred(error);
}

function onClose(this: WsSocket, code: number): void {
  transportOn(this).gone(code);
}

function endBurst(transport: WebSocketTransport): void {
  transport.endBurst();
}

/** The library's error as ours, by the code that it wanted to close with. */
function protocolError(closeCode: number, error: Error): DecodeError {
  const details = { closeCode };
  if (closeCode === 1007) {
    return new DecodeError('TEXT_NOT_UTF8', 'a text message is not UTF-8', details, error);
  }
  if (closeCode === 1009) {
    return new DecodeError('FRAME_TOO_LONG', 'a message is longer than allowed', details, error);
  }
  if (closeCode === 1008) {
    const many = 'a message has more fragments than allowed';
    return new DecodeError('FRAME_TOO_LONG', many, details, error);
  }
  const text = `the peer broke the WebSocket protocol (${error.message})`;
  return new DecodeError('FRAME_CORRUPT', text, details, error);
}
