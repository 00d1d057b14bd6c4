import {
  ChannelError,
  type Clock,
  DecodeError,
  type MessageLimits,
  type Timer,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import {
  CLOCK,
  describeOptions,
  MessageInput,
  ReceiveWindow,
  SendWindow,
  systemError,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import type { WebSocketInput } from '@headrace/websocket';
import { LifeLock, type LocksLike, ownLocks, watchLock } from './life-lock.ts';
import {
  type Batch,
  batchOf,
  checkPort,
  type Hello,
  isBatch,
  isComplete,
  isCredit,
  isHello,
  MESSAGE_BYTES,
  messagesOf,
  outputOf,
  PORT_VERSION,
  type PortEvent,
  type PortLike,
  type PortMessage,
  type PortOutput,
  sizeOfOutput,
} from './port-message.ts';

/** Limits of a port's input. */
export interface PortLimits {
  /** Maximum length of an inbound message, in bytes. A longer message closes with `FRAME_TOO_LONG`. @default 65536 */
  readonly maxMessageBytes?: number;
  /**
   * Maximum number of unacknowledged bytes that the other end can send, plus one message. Each message counts 64 bytes more than
   * its length. Without this window, a port would queue any number of messages.
   * @default 262144
   */
  readonly windowBytes?: number;
}

/** Options of a {@link PortTransport}. */
export interface PortTransportOptions extends PortLimits {
  /** Clock of the transport. @default the system's clock */
  readonly clock?: Clock;
  /** The Web Locks by which each end detects a crash of the other end; `false` for none. @default navigator.locks, if there */
  readonly locks?: LocksLike | false;
}

/** The limits of each end. */
export const PORT_LIMITS = describeOptions('PortLimits', {
  maxMessageBytes: whole({ min: 1, max: 2 ** 31 - 1, default: 64 * 1024 }),
  windowBytes: whole({ min: 1024, max: 2 ** 31 - 1, default: 256 * 1024 }),
});
const OPTIONS = describeOptions('PortTransport', { clock: CLOCK, locks: unchecked() }, PORT_LIMITS);

/** Time to wait for the last messages of a peer, which can arrive after its lock is free. */
const LAST_MESSAGES_MS = 1000;

/**
 * A transport of messages over a `MessagePort`: the port of a shared worker, of a dedicated worker, or of a thread of Node. The
 * transport carries the same messages as a WebSocket, so pipelines are the same.
 *
 * Both ends are `PortTransport`s. An end is connected when it has received the first message of the other end. A port has neither
 * back-pressure nor half-closing, so an end sends at most `windowBytes` of unacknowledged messages, and reports the end of its
 * output. The other end detects a crash by the Web Lock, or on Node by the port's event `close`.
 *
 * @example
 * ```ts run
 * import { MessageChannel } from 'node:worker_threads';
 * import { connectChannel } from '@headrace/core';
 * import { PortTransport } from '@headrace/tabs';
 *
 * const { port1, port2 } = new MessageChannel();
 * const [near, far] = await Promise.all([
 *   connectChannel(new PortTransport(port1)),
 *   connectChannel(new PortTransport(port2), {
 *     initialize: (channel) =>
 *       channel.pipeline.addLast({
 *         channelRead: (ctx, text) => {
 *           console.log(text);
 *           ctx.channel.end();
 *         },
 *       }),
 *   }),
 * ]);
 * near.writeAndFlush('hello');
 * await far.closed;
 * // prints hello
 * ```
 */
export class PortTransport implements Transport {
  readonly accepts = 'strings, TextMessages and bytes';
  readonly localAddress = undefined;
  readonly remoteAddress = undefined;
  private readonly port: PortLike;
  private readonly clock: Clock;
  private readonly maxMessageBytes: number;
  private readonly locks: LocksLike | undefined;
  /** Keeps messages that the channel does not accept yet. Kept messages keep their credit, so the peer has to wait. */
  private readonly input: MessageInput<WebSocketInput>;
  private lock: LifeLock | undefined = undefined;
  private unwatch: (() => void) | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private hasGreeted = false;
  private peer: Hello | undefined = undefined;
  private isOver = false;
  /** The peer sends while its window has room. */
  private readonly receiving: ReceiveWindow;
  private hasPeerEnded = false;
  /** Whether the peer has stopped reading. */
  private isPeerGone = false;
  /** Messages that the channel has written and that are not posted yet. */
  private waiting: PortOutput[] = [];
  private waitingBytes = 0;
  private readonly sending = new SendWindow(0, MESSAGE_BYTES);
  private isShutdownAsked = false;
  private hasEnded = false;

  /** @throws OptionError if an option is not valid */
  constructor(port: PortLike, options: PortTransportOptions = {}) {
    checkPort(port, 'port');
    const { clock, locks } = OPTIONS.resolve(options);
    const { maxMessageBytes, windowBytes } = PORT_LIMITS.part(options);
    this.port = port;
    this.clock = clock;
    this.input = new MessageInput(clock, (message) => this.take(message));
    this.locks = locks === false ? undefined : (locks ?? ownLocks());
    this.maxMessageBytes = maxMessageBytes;
    this.receiving = new ReceiveWindow(windowBytes, MESSAGE_BYTES);
  }

  get messageLimits(): MessageLimits {
    return { inbound: this.maxMessageBytes };
  }

  get isActive(): boolean {
    return this.hasGreeted && this.peer !== undefined && !this.isOver;
  }

  get unsentBytes(): number {
    return this.waitingBytes;
  }

  get unacknowledgedBytes(): number {
    return this.sending.used;
  }

  // --- the first messages ---

  open(sink: TransportSink): void {
    const isFirst = this.input.sink === undefined;
    this.input.sink = sink;
    if (!isFirst) return;
    const { port, locks } = this;
    port.addEventListener('message', this.onMessage);
    port.addEventListener('messageerror', this.onUnreadable);
    port.addEventListener('close', this.onClose);
    port.start();
    if (locks === undefined) this.clock.execute(() => this.sendHello(undefined));
    else this.lock = new LifeLock(locks, (lock) => this.sendHello(lock));
  }

  /** @internal Fails a connect whose other end cannot start. */
  refuse(error: Error): void {
    if (!this.isActive) this.fail(error);
  }

  private sendHello(lock: LifeLock | undefined): void {
    if (this.isOver || this.hasGreeted) return;
    this.hasGreeted = true;
    this.post({ headrace: PORT_VERSION, lock: lock?.name, windowBytes: this.receiving.size });
    this.becomeActive();
  }

  private heardHello(hello: Pick<Hello, 'headrace'>): void {
    if (hello.headrace !== PORT_VERSION) {
      const text =
        `the other end of the port speaks version ${hello.headrace}, this one ${PORT_VERSION}: ` +
        'give a shared worker another name with each version of its program';
      this.fail(new ChannelError('CHANNEL_REFUSED', text, { version: hello.headrace }));
      return;
    }
    if (!isComplete(hello)) {
      this.fail(strange('an incomplete first message'));
      return;
    }
    if (this.peer === undefined) {
      this.peer = hello;
      this.sending.size = hello.windowBytes;
      this.becomeActive();
    } else this.lost('its program was started again');
  }

  private becomeActive(): void {
    const { hasGreeted, peer, locks } = this;
    if (!hasGreeted || peer === undefined || this.unwatch !== undefined) return;
    const lost = (): void => this.lostLock();
    const isWatched = peer.lock !== undefined && locks !== undefined;
    this.unwatch = isWatched ? watchLock(locks, peer.lock, lost) : () => {};
    this.input.sink?.connected();
  }

  // --- input of the port ---

  private readonly onMessage = ({ data }: PortEvent): void => this.heard(data as PortMessage);
  private readonly onUnreadable = (): void => this.fail(strange('a message that cannot be read'));
  private readonly onClose = (): void => this.lost('the port was closed');

  private heard(message: PortMessage): void {
    if (this.isOver) return;
    if (isBatch(message)) this.batchCame(message);
    else if (isCredit(message)) this.credited(message);
    else if (message === 'reset')
      this.endAs(systemError('ECONNRESET', 'read ECONNRESET: by the peer'));
    else if (message === 'end' || message === 'gone') this.peerEnded(message === 'gone');
    else if (isHello(message)) this.heardHello(message);
    else this.fail(strange('a message of an unknown kind'));
  }

  private batchCame(batch: Batch): void {
    const messages = messagesOf(batch);
    if (this.hasPeerEnded) this.fail(strange('a message after the end'));
    else if (messages === undefined)
      this.fail(strange('a batch whose lengths do not add up to its bytes'));
    else this.received(messages);
  }

  private received(messages: readonly WebSocketInput[]): void {
    const { input, maxMessageBytes, receiving } = this;
    for (const message of messages) {
      if (receiving.room <= 0) {
        this.fail(strange(`more than the ${receiving.size} bytes of windowBytes`));
        return;
      }
      receiving.spend(message.length);
      const bytes = sizeOfOutput(message);
      if (bytes > maxMessageBytes) {
        this.fail(tooLong(bytes, maxMessageBytes));
        return;
      }
      input.arrived(message);
    }
    input.endBurst();
  }

  /** Called when the channel has accepted a message. Returns credit when half the window was accepted. */
  private take(message: WebSocketInput): void {
    const isDue = this.receiving.take(message.length);
    if (isDue && !this.isOver) this.post(this.receiving.report());
  }

  private peerEnded(isGone: boolean): void {
    if (!this.hasPeerEnded) this.input.peerEnded();
    this.hasPeerEnded = true;
    this.isPeerGone ||= isGone;
    if (isGone && this.waiting.length > 0) this.breakPipe();
    else this.input.endBurst();
  }

  private lostLock(): void {
    this.timer ??= this.clock.schedule(() => this.lost('its lock is free'), LAST_MESSAGES_MS);
  }

  /** Handles a peer that left without a last message. */
  private lost(why: string): void {
    if (this.isPeerGone || this.isOver) return;
    this.endAs(systemError('ECONNRESET', `read ECONNRESET: the peer is gone, ${why}`));
  }

  /** Fails when the channel has what had arrived. */
  private endAs(error: Error): void {
    this.isPeerGone = true;
    this.input.finish(() => this.fail(error));
  }

  // --- input ---

  requestRead(): void {
    this.input.requestRead();
  }

  pauseReading(): void {
    this.input.pauseReading();
  }

  // --- output ---

  sizeOf(message: unknown): number {
    return sizeOfOutput(message);
  }

  write(messages: readonly unknown[]): boolean {
    if (this.isPeerGone) {
      this.breakPipe();
      return false;
    }
    this.waiting = messages.map(outputOf);
    for (const message of this.waiting) this.waitingBytes += message.length;
    return this.sendWaiting();
  }

  /** Posts messages while the peer's window has room. Returns true if no message is left. */
  private sendWaiting(): boolean {
    const { waiting, sending } = this;
    let count = 0;
    for (; count < waiting.length && sending.room > 0; count++) {
      sending.spend(waiting[count]!.length);
      this.waitingBytes -= waiting[count]!.length;
    }
    const sent = waiting.splice(0, count);
    if (sent.length > 0) this.post(batchOf(sent));
    return waiting.length === 0;
  }

  private credited(bytes: number): void {
    this.sending.credited(bytes);
    if (this.waiting.length === 0 || !this.sendWaiting()) return;
    if (this.isShutdownAsked) this.endOutput();
    this.input.sink?.written();
  }

  private breakPipe(): void {
    const error = systemError('EPIPE', 'write EPIPE: the peer is gone');
    this.clock.nextTurn(() => this.fail(error));
  }

  // --- the end ---

  shutdownOutput(): void {
    this.isShutdownAsked = true;
    if (this.waiting.length === 0) this.endOutput();
  }

  private endOutput(): void {
    this.sendEnd();
    this.clock.execute(() => this.input.sink?.outputEnded());
  }

  private sendEnd(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.post('end');
  }

  close(): void {
    if (this.isOver) return;
    if (this.waitingBytes > 0) {
      this.abort();
      return;
    }
    this.sendEnd();
    this.post('gone');
    this.leave();
  }

  abort(): void {
    if (this.isOver) return;
    this.post('reset');
    this.leave();
  }

  private fail(error: Error): void {
    if (this.isOver) return;
    this.input.sink?.failed(error);
    this.abort();
  }

  private leave(): void {
    const { port, input } = this;
    this.isOver = true;
    this.waiting = [];
    this.waitingBytes = 0;
    this.timer?.cancel();
    this.unwatch?.();
    port.removeEventListener('message', this.onMessage);
    port.removeEventListener('messageerror', this.onUnreadable);
    port.removeEventListener('close', this.onClose);
    port.close();
    this.lock?.release();
    input.stop();
    const { sink } = input;
    input.sink = undefined;
    this.clock.execute(() => sink?.disconnected());
  }

  private post(message: PortMessage): void {
    const memory = isBatch(message) ? [message.bytes.buffer as ArrayBuffer] : [];
    this.port.postMessage(message, memory);
  }
}

function strange(what: string): DecodeError {
  const text = `${what} came through a port: is the other end a PortTransport, and not the application?`;
  return new DecodeError('MESSAGE_INVALID', text);
}

function tooLong(length: number, maxMessageBytes: number): DecodeError {
  const text = `a message of ${length} bytes, but maxMessageBytes is ${maxMessageBytes}`;
  return new DecodeError('FRAME_TOO_LONG', text, { length, maxMessageBytes });
}
