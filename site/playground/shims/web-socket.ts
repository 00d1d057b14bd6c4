// `WebSocket` of a page whose server is in the same page: frames and handshake are those of Headrace's client for Node,
// over the network of `net.ts`; this file gives them the face that browsers give theirs. Nothing leaves the page.

import {
  type Channel,
  type Context,
  connectChannel,
  type Handler,
  silentLogger,
} from '@headrace/core';
import { dial } from '../../../packages/websocket/src/client/dial.ts';
import {
  beginPipeline,
  WEB_SOCKET_CLOSE,
  WEB_SOCKET_PROTOCOL,
} from '../../../packages/websocket/src/socket/web-socket-channel.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
/** What a page is told of a connection that ended without a close frame. */
const CUT_OFF = 1006;

type Listener = ((event: Event) => void) | null;
type Message = string | ArrayBuffer | ArrayBufferView;

export class WebSocket extends EventTarget {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSING = CLOSING;
  static readonly CLOSED = CLOSED;
  readonly url: string;
  readonly extensions = '';
  protocol = '';
  binaryType: 'blob' | 'arraybuffer' = 'blob';
  readyState = CONNECTING;
  onopen: Listener = null;
  onmessage: Listener = null;
  onerror: Listener = null;
  onclose: Listener = null;
  private channel: Channel | undefined;

  constructor(url: string | URL, protocols: string | readonly string[] = []) {
    super();
    this.url = new URL(url).href;
    const transport = dial(this.url, { subprotocols: [protocols].flat() });
    const page: Handler = {
      channelRead: (_ctx: Context, message: string | Uint8Array) => this.arrived(message),
      exceptionCaught: () => {}, // a page is told by the close alone
    };
    connectChannel(transport, {
      target: this.url,
      logger: silentLogger,
      initialize: (channel) => {
        beginPipeline(channel, transport, Number.POSITIVE_INFINITY);
        channel.pipeline.addLast(page);
        this.channel = channel;
      },
    }).then(
      (channel) => this.opened(channel),
      () => this.ended(),
    );
  }

  get bufferedAmount(): number {
    return this.channel?.pendingOutboundBytes ?? 0;
  }

  private opened(channel: Channel): void {
    channel.onClosed(() => this.ended());
    if (this.readyState === CLOSING) {
      channel.end();
      return;
    }
    this.protocol = channel.attributes.get(WEB_SOCKET_PROTOCOL) ?? '';
    this.readyState = OPEN;
    this.report(new Event('open'));
  }

  private arrived(message: string | Uint8Array): void {
    if (this.readyState !== OPEN) return;
    this.report(new MessageEvent('message', { data: this.dataOf(message) }));
  }

  private dataOf(message: string | Uint8Array): string | Blob | ArrayBuffer {
    if (typeof message === 'string') return message;
    const copy = Uint8Array.from(message);
    return this.binaryType === 'blob' ? new Blob([copy]) : copy.buffer;
  }

  private ended(): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    const close = this.channel?.attributes.get(WEB_SOCKET_CLOSE);
    if (close === undefined) this.report(new Event('error'));
    const { code = CUT_OFF, reason = '' } = close ?? {};
    this.report(new CloseEvent('close', { code, reason, wasClean: close !== undefined }));
  }

  private report(event: Event): void {
    this[`on${event.type}` as 'onopen']?.(event);
    this.dispatchEvent(event);
  }

  send(message: Message): void {
    if (this.readyState === CONNECTING) {
      throw new DOMException('Still in CONNECTING state.', 'InvalidStateError');
    }
    if (this.readyState !== OPEN) return;
    this.channel!.writeAndFlush(copyOf(message)).onSettled(() => {});
  }

  /** The close frame comes after what was sent before. Its code is 1000, whatever is asked for. */
  close(): void {
    if (this.readyState >= CLOSING) return;
    const isOpen = this.readyState === OPEN;
    this.readyState = CLOSING;
    if (isOpen) this.channel!.end();
  }
}

/** The sender may write over its bytes. */
function copyOf(message: Message): string | Uint8Array {
  if (typeof message === 'string') return message;
  if (message instanceof ArrayBuffer) return new Uint8Array(message.slice(0));
  const { buffer, byteOffset, byteLength } = message;
  return Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
}
