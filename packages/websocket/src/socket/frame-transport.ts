import type { Buffer } from 'node:buffer';
import {
  type Address,
  type Channel,
  ChannelError,
  type CloseInfo,
  type Context,
  type DecodeError,
  type MessageLimits,
  type Timer,
  type Transport,
  type TransportSink,
  type WriteFuture,
} from '@headrace/core';
import { isTurnCheckDue, ReadGate, SettableFuture, transportOf } from '@headrace/core/authoring';
import {
  CLOSE_TIMEOUT_MS,
  CUT_OFF,
  closeCodeOf,
  closeText,
  NO_CODE,
  type WebSocketClose,
} from './close-codes.ts';
import type { AgreedDeflate } from './compression.ts';
import { WebSocketPing, WebSocketPong } from './control-message.ts';
import { ACCEPTED, FrameOutput, isOutgoing, payloadLength } from './frame-output.ts';
import { type FrameListener, FrameReader } from './frame-reader.ts';
import { MessageDeadline } from './message-deadline.ts';
import { closeFrame } from './message-frame.ts';
import { MessageIntake, type MessageSource } from './message-intake.ts';
import type { ReadLimits } from './message-limits.ts';
import { Pings } from './pings.ts';
import type { WebSocketInput } from './text-message.ts';

/** The parameters that both ends agreed on. */
export interface AgreedTerms {
  readonly deflate: AgreedDeflate | undefined;
  readonly subprotocol: string | undefined;
}

/** The reports of a {@link FrameTransport} to the first handler of its channel. */
export interface FrameTransportListener {
  /** Called when the WebSocket has ended, before the channel closes. */
  peerClosed(close: WebSocketClose): void;
  /**
   * Called when bytes were read.
   *
   * @param isWithin - whether a message has begun whose rest the peer has not sent
   * @param finished - number of complete messages that have been read
   */
  inputRead(isWithin: boolean, finished: number): void;
  /** Called at the end of a burst that brought bytes of a message, but no whole message. */
  partRead(): void;
}

/**
 * A transport over the channel that carries a WebSocket. One handler in that channel's pipeline reads and writes the frames, and
 * calls the methods of the section "from below". Clients and servers use this class. A client masks its frames, and connects when
 * the transport is opened.
 */
export class FrameTransport implements Transport, FrameListener, MessageSource {
  listener: FrameTransportListener | undefined = undefined;
  /** The agreed subprotocol, set when active; `undefined` if none was agreed. */
  subprotocol: string | undefined = undefined;
  private readonly isClient: boolean;
  private readonly dial: (() => void) | undefined;
  /** Set before every other call, except at the end of a client that never had a connection. */
  private below!: Context;
  /** Set when the handshake is complete. */
  private output: FrameOutput | undefined = undefined;
  private readonly reader: FrameReader;
  private readonly intake: MessageIntake;
  private gate: ReadGate | undefined = undefined;
  private isPaused = false;
  /** Whether the rest of a message is awaited. */
  private isAwaiting = false;
  private isWriting = false;
  /** Bytes of payloads that are not sent yet. */
  private unsent = 0;
  private pings: Pings | undefined = undefined;
  /** Whether this end has written its close frame. */
  private isClosing = false;
  private brokenCode: number | undefined = undefined;
  private peerClose: WebSocketClose | undefined = undefined;
  private isGone = false;
  /** Number of messages passed on after the end of the connection. */
  private late = 0;
  /** Whether more of these messages follow in the next turn of the event loop. */
  private awaitsTurn = false;
  private closeTimer: Timer | undefined = undefined;

  /** @param dial - on a client, the function that connects; the connection's handler calls {@link carriedBy} at once */
  constructor(limits: ReadLimits, dial?: () => void) {
    this.isClient = dial !== undefined;
    this.dial = dial;
    this.reader = new FrameReader(limits, !this.isClient, this);
    this.intake = new MessageIntake(this);
  }

  get messageLimits(): MessageLimits {
    return { inbound: this.reader.limits.maxMessageBytes };
  }

  get accepts(): string {
    return ACCEPTED;
  }

  get isActive(): boolean {
    return this.output !== undefined && !this.isClosing && !this.isGone;
  }

  get localAddress(): Address | undefined {
    return this.below?.channel.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.below?.channel.remoteAddress;
  }

  get unsentBytes(): number {
    // While one long message is sent, its progress is the progress of the connection below.
    return this.unsent - this.below.channel.outboundProgress;
  }

  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.below.channel)?.unacknowledgedBytes;
  }

  open(sink: TransportSink): void {
    this.intake.sink = sink;
    this.dial?.();
  }

  // --- input ---

  requestRead(): void {
    this.intake.requestRead();
  }

  pauseReading(): void {
    this.intake.pauseReading();
  }

  pause(): void {
    this.isPaused = true;
    this.updateHold();
  }

  resume(): void {
    this.isPaused = false;
    if (this.output === undefined) return;
    if (this.reader.isWaiting) this.below.clock.execute(() => this.readOn());
    else this.updateHold();
    this.readBelow();
  }

  /** Reads waiting messages as a burst. */
  private readOn(): void {
    if (this.isGone || !this.reader.isWaiting) return;
    this.reader.readOn();
    this.wasRead();
    this.endBurst();
  }

  /** Requests a read from a channel without auto-read. */
  private readBelow(): void {
    const { channel } = this.below;
    if (this.isPaused || this.reader.isWaiting) return;
    if (!channel.autoRead && channel.isActive) this.below.read();
  }

  private updateHold(): void {
    if (this.isGone || this.output === undefined) return;
    const { isInflating, isWaiting } = this.reader;
    if (this.isPaused || isInflating || isWaiting) {
      this.gate ??= new ReadGate('websocket');
      this.gate.hold(this.below.channel);
    } else this.gate?.release();
  }

  get isTaking(): boolean {
    return !this.awaitsTurn && this.intake.isTaking;
  }

  arrived(message: WebSocketInput | WebSocketPing | WebSocketPong): void {
    this.intake.arrived(message);
    if (!this.isGone || !isTurnCheckDue(++this.late)) return;
    const { channel } = this.below;
    this.awaitsTurn = channel.checkTurn();
    if (this.awaitsTurn) channel.onNextTurn(() => this.turnCame());
  }

  private turnCame(): void {
    this.awaitsTurn = false;
    if (!this.isGone) this.readOn();
    else if (this.reader.isWaiting) this.gone();
  }

  inflated(): void {
    this.wasRead();
    this.intake.endBurst();
    if (this.isGone && !this.reader.isInflating) this.gone();
  }

  private wasRead(): void {
    this.pings?.flush();
    const { isWithin, finished, isInflating, isWaiting } = this.reader;
    if (isInflating || isWaiting || this.gate !== undefined) this.updateHold();
    if (!isWithin && !this.isAwaiting) return;
    this.isAwaiting = isWithin;
    this.listener?.inputRead(isWithin, finished);
  }

  pinged(payload: Buffer): void {
    if (this.isClosing) return;
    this.pings ??= new Pings(this.below, this.isClient);
    if (!this.pings.answer(payload)) this.below.close();
    else if (this.pings.arePassedOn) this.arrived(new WebSocketPing(payload));
  }

  ponged(payload: Buffer): void {
    for (const answered of this.pings?.answered(payload) ?? NONE) {
      this.arrived(new WebSocketPong(answered));
    }
  }

  broken(error: DecodeError): void {
    this.brokenCode = error.details['closeCode'] as number;
    this.resume();
    // Earlier messages are delivered and answered first.
    this.intake.endBurst();
    if (this.intake.isOver) return;
    this.intake.sink?.caught(error);
  }

  // --- output ---

  sizeOf(message: unknown): number {
    return isOutgoing(message) ? payloadLength(message) : -1;
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    this.isWriting = true;
    // While the WebSocket closes, nothing is written. The channel is notified of the close and
    // fails its remaining output.
    if (!this.isActive) return false;
    const future = this.output!.write(messages);
    this.isWriting = !future.isSuccess;
    if (!this.isWriting) return true;
    this.unsent = bytes;
    future.onSettled((error) => this.sent(error));
    return false;
  }

  /** Makes the deadline of messages, for the listener whose `inputRead` is called. `ms` is in milliseconds. */
  deadlineFor(channel: Channel, ms: number): MessageDeadline {
    return new MessageDeadline(channel, ms);
  }

  /** Sends a ping ahead of waiting messages. */
  ping({ payload }: WebSocketPing): WriteFuture {
    if (!this.isActive) {
      return SettableFuture.failed(new ChannelError('CHANNEL_CLOSED', 'the WebSocket is closing'));
    }
    this.pings ??= new Pings(this.below, this.isClient);
    return this.pings.send(payload);
  }

  /**
   * Handles the result of a write. If a handler below fails a write, the peer has lost part of the output, as after the failure
   * of a stream. The connection then closes.
   */
  private sent(error: Error | undefined): void {
    if (error !== undefined) {
      this.below.close('error');
      return;
    }
    this.unsent = 0;
    if (!this.isWriting || this.intake.isOver) return;
    this.isWriting = false;
    this.intake.sink?.written();
  }

  // --- the end ---

  shutdownOutput(info: CloseInfo): void {
    this.announceClose(info);
    this.below.clock.execute(() => this.intake.sink?.outputEnded());
  }

  close(info: CloseInfo): void {
    const { isActive } = this;
    this.intake.stop();
    if (this.output === undefined) {
      this.below?.close();
      return;
    }
    this.pings?.flush();
    // A close frame after blocked output would never be sent.
    if (isActive && !this.isWriting && this.pings?.areWaiting !== true) this.announceClose(info);
    else if (isActive || this.peerClose === undefined) this.below.close();
    // Drops further input, but reads the peer's close frame.
    this.resume();
  }

  abort({ reason }: CloseInfo): void {
    this.intake.stop();
    this.below?.channel.abort(reason);
  }

  private announceClose({ reason, error }: CloseInfo): void {
    if (!this.isActive) return;
    const { peerClose, brokenCode } = this;
    if (peerClose === undefined || brokenCode !== undefined) {
      this.sendClose(brokenCode ?? closeCodeOf(reason, error), closeText(reason));
    } else {
      const { code } = peerClose;
      this.sendClose(code === NO_CODE ? undefined : code, peerClose.reason);
    }
    if (peerClose !== undefined || brokenCode !== undefined) this.endBelow();
  }

  private sendClose(code: number | undefined, reason: string): void {
    const { below } = this;
    this.pings?.flush();
    this.isClosing = true;
    below.writeAndFlush(closeFrame(code, reason, this.isClient)).onSettled(() => {});
    this.expectClose();
  }

  private expectClose(): void {
    const { below } = this;
    this.closeTimer?.cancel();
    this.closeTimer = below.clock.deadlines.schedule(() => {
      if (this.isPaused && this.expectsInput) this.expectClose();
      else below.close();
    }, CLOSE_TIMEOUT_MS);
  }

  /** Whether the channel has ended only its output. The peer may send the rest of its own output before its close frame. */
  private get expectsInput(): boolean {
    return this.isClosing && !this.intake.isOver && this.peerClose === undefined;
  }

  private endBelow(): void {
    this.below.shutdown('output').onSettled(() => {});
  }

  /**
   * Receives the peer's close frame. The burst of messages ends before the input ends. Answers to these messages are therefore
   * sent before the close frame of this end, which follows when the channel ends or closes its output.
   */
  closeRead(code: number, reason: string): void {
    this.closedBy({ code, reason });
    this.intake.endBurst();
    if (this.isClosing) this.endBelow();
    this.intake.sink?.inputEnded();
  }

  private closedBy(close: WebSocketClose): void {
    this.peerClose = close;
    this.listener?.peerClosed(close);
  }

  // --- from below ---

  /** @param below - place in the pipeline of the channel that carries the WebSocket */
  carriedBy(below: Context): void {
    this.below = below;
  }

  /**
   * Called when the handshake is complete.
   *
   * @param rest - bytes that were read after the handshake, which are held until the next turn of the event loop, when the
   * connecting code has the channel
   */
  opened({ deflate, subprotocol }: AgreedTerms, rest?: Buffer): void {
    this.output = new FrameOutput(this.below, deflate, this.isClient);
    this.reader.deflate = deflate?.own;
    this.subprotocol = subprotocol;
    if (rest !== undefined && rest.length > 0) {
      this.awaitsTurn = true;
      this.below.clock.nextTurn(() => this.turnCame());
      this.receive(rest);
    }
    this.intake.sink?.connected();
  }

  /** Fails a connect. */
  refuse(error: Error): void {
    this.intake.sink?.failed(error);
  }

  receive(bytes: Buffer): void {
    if (this.expectsInput) this.expectClose();
    this.reader.receive(bytes);
    this.wasRead();
  }

  /** Ends a burst: the messages since the last call arrived together. */
  endRead(): void {
    const { intake, reader } = this;
    if (!intake.isInBurst && reader.isWithin && !intake.isOver) this.listener?.partRead();
    this.endBurst();
  }

  private endBurst(): void {
    this.intake.endBurst();
    this.readBelow();
  }

  /** Called when the peer has ended its output. A close frame should have arrived before. */
  inputEnded(): void {
    this.endBelow();
  }

  /** Called when the connection has closed. */
  gone(): void {
    this.isGone = true;
    this.closeTimer?.cancel();
    this.gate?.release();
    const { intake, reader } = this;
    // Messages that arrived before the end are passed on first, in several turns of the event loop.
    intake.isDue = true;
    if (reader.isWaiting) reader.readOn();
    if (intake.isOver) reader.stop();
    intake.endBurst();
    if (reader.isInflating || reader.isWaiting) return;
    reader.stop();
    const { sink } = intake;
    intake.stop();
    const isCutOff = this.peerClose === undefined;
    if (isCutOff) this.closedBy({ code: CUT_OFF, reason: '' });
    const info = this.below.channel.closeInfo;
    // The WebSocket closes as the connection below did.
    if (info?.error !== undefined) sink?.failed(info.error);
    else if (isCutOff && this.isClient && info?.by === 'peer') sink?.failed(cutOff());
    sink?.disconnected(info);
  }
}

const NONE: readonly Buffer[] = [];

/**
 * Creates the error for an end without a close frame. A server that stops sends a close frame; a leaving client often does not.
 */
function cutOff(): Error {
  const error = new Error('the connection ended without a close frame');
  return Object.assign(error, { code: 'ECONNRESET' });
}
