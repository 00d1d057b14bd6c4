import { Buffer } from 'node:buffer';
import {
  ChannelError,
  type Clock,
  type CloseInfo,
  DecodeError,
  type MessageLimits,
  RejectedError,
  type Timer,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { MessageInput, shownUrl, toError } from '@headrace/core/authoring';
import { CLOSE_TIMEOUT_MS, CUT_OFF, closeCodeOf, closeText } from '../socket/close-codes.ts';
import type { FrameTransportListener } from '../socket/frame-transport.ts';
import { TextMessage, type WebSocketInput } from '../socket/text-message.ts';
import type { WebSocketTransport } from '../socket/web-socket-channel.ts';
import { OPEN, type PageClose, type PageSocket, pageCode } from './page-socket.ts';

const ignore = (): void => {};

/** Options of a {@link PageTransport}. */
export interface PageTransportOptions {
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** Creates the WebSocket, which starts to connect. */
  readonly dial: () => PageSocket;
  readonly url: string;
  readonly subprotocols: readonly string[];
}

/** Buffered bytes below which the browser is ready for more output. */
const ENOUGH_BUFFERED_BYTES = 64 * 1024;
/** Interval of checks of the browser's buffer, because the browser fires no event when it has sent the buffer. */
const POLL_INTERVAL_MS = 20;
/** Maximum length of held messages while reads are held, because a page cannot stop the server. Text counts in UTF-16 code units. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** Bytes that each held message counts in addition to its length. */
const MESSAGE_BYTES = 64;

/** A transport over a page's WebSocket. The browser reads and writes the frames, and answers pings. */
export class PageTransport implements Transport, WebSocketTransport {
  readonly accepts = 'strings, TextMessages and bytes';
  readonly localAddress = undefined;
  readonly remoteAddress = undefined;
  listener: FrameTransportListener | undefined = undefined;
  subprotocol: string | undefined = undefined;
  private readonly options: PageTransportOptions;
  private readonly input: MessageInput<WebSocketInput>;
  private heldBytes = 0;
  private socket: PageSocket | undefined = undefined;
  private isOpen = false;
  private isClosing = false;
  private isOver = false;
  private timer: Timer | undefined = undefined;

  constructor(options: PageTransportOptions) {
    this.options = options;
    this.input = new MessageInput(options.clock, (message) => {
      this.heldBytes -= message.length + MESSAGE_BYTES;
    });
  }

  get messageLimits(): MessageLimits {
    return { inbound: this.options.maxMessageBytes };
  }

  get isActive(): boolean {
    const isOpen = this.isOpen && this.socket?.readyState === OPEN;
    return isOpen && !this.isClosing && !this.isOver;
  }

  get unsentBytes(): number {
    return this.socket?.bufferedAmount ?? 0;
  }

  open(sink: TransportSink): void {
    this.input.sink = sink;
    const { clock, dial } = this.options;
    try {
      const socket = dial();
      this.socket = socket;
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => this.opened(socket);
      socket.onmessage = ({ data }) => this.received(data);
      socket.onclose = (close) => this.closed(close);
      socket.onerror = ignore;
    } catch (error) {
      clock.execute(() => this.refuse(toError(error)));
    }
  }

  private opened(socket: PageSocket): void {
    const { subprotocols, url } = this.options;
    if (this.isOver) return;
    if (subprotocols.length > 0 && socket.protocol === '') {
      const text = `the server at ${shownUrl(url)} speaks none of the subprotocols ${subprotocols.join(', ')}`;
      this.leave(socket);
      this.refuse(new ChannelError('CHANNEL_FAILED', text));
      return;
    }
    this.isOpen = true;
    this.subprotocol = socket.protocol === '' ? undefined : socket.protocol;
    this.input.sink?.connected();
  }

  private refuse(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.input.sink?.failed(error);
  }

  // --- input ---

  requestRead(): void {
    this.input.requestRead();
  }

  pauseReading(): void {
    this.input.pauseReading();
  }

  private received(data: unknown): void {
    const { input } = this;
    if (input.isOver || this.isOver) return;
    const message = typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer);
    const bytes = this.sizeOf(message);
    const { maxMessageBytes } = this.options;
    if (bytes > maxMessageBytes) {
      this.fails(tooLong(bytes, maxMessageBytes));
      return;
    }
    this.heldBytes += message.length + MESSAGE_BYTES;
    input.arrived(message);
    input.endBurst();
    if (this.heldBytes > MAX_HELD_BYTES) this.fails(tooMuchHeld(this.heldBytes));
  }

  private fails(error: Error): void {
    this.input.sink?.failed(error);
  }

  // --- output ---

  sizeOf(message: unknown): number {
    if (typeof message === 'string') return Buffer.byteLength(message);
    return message instanceof TextMessage || message instanceof Uint8Array
      ? message.byteLength
      : -1;
  }

  write(messages: readonly unknown[]): boolean {
    const { socket } = this;
    // While the WebSocket closes, nothing is written. The channel is notified of the close and
    // fails its remaining output.
    if (!this.isActive || socket === undefined) return false;
    for (const message of messages) {
      socket.send(
        message instanceof TextMessage ? String(message) : (message as string | Uint8Array),
      );
    }
    if (socket.bufferedAmount <= ENOUGH_BUFFERED_BYTES) return true;
    this.look();
    return false;
  }

  private look(): void {
    this.timer = this.options.clock.schedule(() => {
      if (!this.isActive) return;
      if (this.unsentBytes > ENOUGH_BUFFERED_BYTES) this.look();
      else this.input.sink?.written();
    }, POLL_INTERVAL_MS);
  }

  // --- the end ---

  shutdownOutput(info: CloseInfo): void {
    this.announceClose(info);
    this.options.clock.execute(() => this.input.sink?.outputEnded());
  }

  close(info: CloseInfo): void {
    this.input.stop();
    if (this.isOver) this.end();
    else if (!this.isOpen) this.abort();
    else this.announceClose(info);
  }

  /** Closes the WebSocket in the background, because a page cannot reset a connection. */
  abort(): void {
    this.input.stop();
    const { socket } = this;
    if (socket !== undefined) this.leave(socket);
    this.end();
  }

  private leave(socket: PageSocket): void {
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  /** Starts the close. The browser sends its buffer and a close frame, and waits for the answer. */
  private announceClose({ reason, error }: CloseInfo): void {
    const { socket, options } = this;
    if (this.isClosing || this.isOver || socket === undefined) return;
    this.isClosing = true;
    this.timer?.cancel();
    socket.close(pageCode(closeCodeOf(reason, error)), closeText(reason));
    this.timer = options.clock.deadlines.schedule(() => this.abort(), CLOSE_TIMEOUT_MS);
  }

  private closed(close: PageClose): void {
    if (this.isOver) return;
    const { input, options, isOpen } = this;
    const isCutOff = close.code === CUT_OFF && !this.isClosing;
    if (!isOpen) {
      this.refuse(neverOpened(options.url));
      this.end();
      return;
    }
    this.isOver = true;
    input.finish(() => {
      this.listener?.peerClosed({ code: close.code, reason: close.reason });
      if (isCutOff) this.fails(cutOff());
      else if (!input.isOver) input.sink?.inputEnded();
      this.end();
    });
  }

  private end(): void {
    this.isOver = true;
    this.timer?.cancel();
    const { input } = this;
    const { sink } = input;
    input.stop();
    input.sink = undefined;
    if (sink !== undefined) this.options.clock.execute(() => sink.disconnected());
  }
}

function tooLong(length: number, maxMessageBytes: number): DecodeError {
  const text = `a message of ${length} bytes, but maxMessageBytes is ${maxMessageBytes}`;
  return new DecodeError('FRAME_TOO_LONG', text, { length, maxMessageBytes });
}

function tooMuchHeld(bytes: number): RejectedError {
  const text = `${bytes} bytes wait while reads are held, and a page cannot stop the server`;
  return new RejectedError('REJECTED_QUEUE', text, { bytes, max: MAX_HELD_BYTES });
}

function neverOpened(address: string): ChannelError {
  const url = shownUrl(address);
  const text =
    `there is no WebSocket to ${url}, and browsers do not say why: ` +
    'is the server there, is its certificate trusted, and does it let pages of this origin in?';
  return new ChannelError('CHANNEL_REFUSED', text, { url });
}

function cutOff(): Error {
  const error = new Error('the connection ended without a close frame');
  return Object.assign(error, { code: 'ECONNRESET' });
}
