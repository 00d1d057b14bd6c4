import type { Duplex } from 'node:stream';
import type { Address, Channel, CloseInfo, TransportSink } from '@headrace/core';
import { describeOptions, transportOf, unchecked } from '@headrace/core/authoring';
import { closeCodeOf, closeText, type WebSocketClose } from './close-codes.ts';
import { isTextMessage, type Outgoing, payloadLength, payloadOf } from './frame-output.ts';
import { MessageIntake, type MessageSource } from './message-intake.ts';
import {
  ACCEPTED,
  isOutgoing,
  type MessageTransport,
  type MessageTransportListener,
} from './message-transport.ts';
import { protocolError } from './protocol-error.ts';
import type { WebSocketInput } from './text-message.ts';
import { type CloseListener, CONNECTING, OPEN, type WsSocket } from './ws-socket.ts';

/** Where a WebSocket of the `ws` library runs. */
export interface WebSocketCarrier {
  /** The channel that carries it, if there is one: its addresses, and the one to reset. */
  readonly parent?: Channel;
  /** The stream it writes to: corked around the messages of one flush. */
  readonly stream?: Duplex;
}

export const CARRIER = describeOptions('WebSocketTransport', {
  parent: unchecked(),
  stream: unchecked(),
});

/** A client's WebSocket, or one from elsewhere, of the `ws` library as a transport. */
export class WebSocketTransport implements MessageTransport, CloseListener, MessageSource {
  readonly accepts: string = ACCEPTED;
  listener: MessageTransportListener | undefined = undefined;
  private readonly ws: WsSocket;
  private readonly carrier: WebSocketCarrier;
  private socket: Duplex | undefined = undefined;
  private addresses: { readonly local?: Address; readonly remote?: Address } = {};
  private sink: TransportSink | undefined = undefined;
  private readonly intake: MessageIntake;
  private isWriting = false;
  /** Writes that the library has not reported yet, in the order in which it got them. */
  private libraryCalls = 0;
  /** The last of them is the write under way. */
  private waitsForLibrary = false;
  private peerClose: WebSocketClose | undefined = undefined;
  private failure: Error | undefined = undefined;
  private onSent: ((error?: Error) => void) | undefined = undefined;

  constructor(ws: WsSocket, carrier: WebSocketCarrier = {}) {
    CARRIER.checkNames(carrier);
    this.ws = ws;
    this.carrier = carrier;
    this.intake = new MessageIntake(this);
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
    return this.ws.bufferedAmount - (this.carrier.parent?.outboundProgress ?? 0);
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
    this.intake.sink = sink;
    if (this.ws.readyState === CONNECTING) this.ws.on('open', () => sink.connected());
  }

  // --- input ---

  requestRead(): void {
    this.intake.requestRead();
  }

  pauseReading(): void {
    this.intake.pauseReading();
  }

  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    if (this.ws.isPaused) this.ws.resume();
  }

  endBurstLater(intake: MessageIntake): void {
    process.nextTick(endBurst, intake);
  }

  arrived(message: WebSocketInput): void {
    this.intake.arrived(message);
  }

  // --- output ---

  sizeOf(message: unknown): number {
    return isOutgoing(message) ? payloadLength(message) : -1;
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const { ws } = this;
    this.isWriting = true;
    // It is closing: the close is reported to the channel, which fails what it still holds.
    if (ws.readyState !== OPEN) return false;
    this.writeByLibrary(messages);
    // The library counts no byte of an empty message, though it may be compressing it.
    this.isWriting = ws.bufferedAmount > 0 || bytes === 0;
    this.waitsForLibrary = this.isWriting;
    return !this.isWriting;
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
    const data = typeof message === 'string' ? message : payloadOf(message);
    this.ws.send(data, { binary: !isTextMessage(message) }, callback);
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
    if (!this.isWriting || this.intake.isOver) return;
    this.isWriting = false;
    this.sink?.written();
  }

  shutdownOutput(info: CloseInfo): void {
    this.sayGoodbye(info);
    process.nextTick(() => this.sink?.outputEnded());
  }

  close(info: CloseInfo): void {
    this.intake.stop();
    const isOpen = this.ws.readyState === OPEN;
    // A close frame after output that is stuck would never be sent.
    if (isOpen && this.ws.bufferedAmount === 0) this.sayGoodbye(info);
    else if (isOpen || this.peerClose === undefined) this.ws.terminate();
    // Further input is dropped, but the peer's close frame must be read.
    if (isOpen) this.ws.resume();
  }

  abort(info: CloseInfo): void {
    this.intake.stop();
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
    this.intake.passHeld();
    this.sink?.inputEnded();
  }

  erred(error: Error): void {
    const { brokenCode } = this.ws;
    if (brokenCode === undefined) {
      this.failure ??= error;
      return;
    }
    if (this.intake.isOver) return;
    this.intake.passHeld();
    this.sink?.caught(protocolError(brokenCode, error.message, error));
  }

  gone(code: number): void {
    this.intake.passHeld();
    this.intake.stop();
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
    this.listener?.peerClosed(close);
  }
}

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

function endBurst(intake: MessageIntake): void {
  intake.endBurst();
}
