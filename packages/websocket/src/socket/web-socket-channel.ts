import { checkWellFormed } from '@headrace/codec';
import {
  AttributeKey,
  type Channel,
  type ChannelOptions,
  type Context,
  DecodeError,
  type Handler,
  openChannel,
  type WriteFuture,
} from '@headrace/core';
import {
  CHANNEL_OPTIONS,
  encodeOnce,
  isOutboundBytes,
  markPeerLeaving,
  toBuffer,
} from '@headrace/core/authoring';
import { isPlanned, type WebSocketClose } from './close-codes.ts';
import { WebSocketPing } from './control-message.ts';
import type { FrameTransport, FrameTransportListener } from './frame-transport.ts';
import type { MessageDeadline } from './message-deadline.ts';
import { SharedMessage } from './shared-message.ts';
import { TextMessage, type WebSocketInput, type WebSocketOutput } from './text-message.ts';

/** A channel whose messages are those of a WebSocket. */
export type WebSocketChannel = Channel<WebSocketInput, WebSocketOutput>;

/** Builds the pipeline of a WebSocket's channel. */
export type WebSocketInitializer = (channel: WebSocketChannel) => unknown;

/** Options of the channel of a WebSocket: those of every channel, without the ends of halves, which a WebSocket does not have. */
export interface WebSocketChannelOptions extends Omit<ChannelOptions, 'allowHalfOpen'> {}

/** @internal The kinds and defaults of the options. */
export const WEB_SOCKET_CHANNEL_OPTIONS = CHANNEL_OPTIONS.without({
  allowHalfOpen: 'a WebSocket ends both halves at once',
});

/** Attribute of the channel: the code and text with which the peer closed its WebSocket. Set before the channel closes. */
export const WEB_SOCKET_CLOSE: AttributeKey<WebSocketClose> = new AttributeKey<WebSocketClose>(
  'webSocketClose',
);

/** Attribute of the channel: the agreed subprotocol. Set before the channel is active. */
export const WEB_SOCKET_PROTOCOL: AttributeKey<string> = new AttributeKey<string>(
  'webSocketProtocol',
);

/** Attribute of the channel: true if messages use HTTP requests instead of a WebSocket. Set before the pipeline is built. */
export const WEB_SOCKET_TUNNEL: AttributeKey<boolean> = new AttributeKey<boolean>(
  'webSocketTunnel',
);

/** Creates the channel of an open WebSocket and starts it. */
export function openWebSocket(
  transport: FrameTransport,
  initialize: WebSocketInitializer,
  options: WebSocketChannelOptions,
  { parent, messageTimeoutMs }: OpenTerms,
): WebSocketChannel {
  const channel: unknown = openChannel(transport, {
    ...options,
    parent,
    initialize: (opening) => {
      beginPipeline(opening, transport, messageTimeoutMs);
      return initialize(opening as unknown as WebSocketChannel);
    },
  });
  return channel as WebSocketChannel;
}

interface OpenTerms {
  /** Channel that carries the WebSocket. */
  readonly parent: Channel;
  readonly messageTimeoutMs: number;
}

/**
 * The part of a transport that the first handler of a WebSocket uses. A browser's transport has no `ping`, and no deadline of
 * messages, which arrive complete.
 */
export type WebSocketTransport = Pick<FrameTransport, 'listener' | 'subprotocol'> &
  Partial<Pick<FrameTransport, 'ping' | 'deadlineFor'>>;

/** Adds the first handlers of the pipeline of every WebSocket. */
export function beginPipeline(
  channel: Channel,
  transport: WebSocketTransport,
  messageTimeoutMs: number,
): void {
  channel.pipeline.addLast('websocket', new WebSocketStart(transport, messageTimeoutMs));
}

/**
 * The first handler of each WebSocket, which sets the WebSocket's attributes, enforces the deadline of messages, and shares the
 * frames of a broadcast. After a protocol error of the peer, no more input can be read. The handler fires the error before it
 * ends the output, so that another handler can write an answer.
 */
class WebSocketStart implements Handler, FrameTransportListener {
  private readonly transport: WebSocketTransport;
  private readonly messageTimeoutMs: number;
  private ctx: Context | undefined = undefined;
  private deadline: MessageDeadline | undefined = undefined;

  constructor(transport: WebSocketTransport, messageTimeoutMs: number) {
    this.transport = transport;
    this.messageTimeoutMs = messageTimeoutMs;
  }

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
    this.transport.listener = this;
  }

  peerClosed(close: WebSocketClose): void {
    const { channel } = this.ctx!;
    channel.attributes.set(WEB_SOCKET_CLOSE, close);
    if (isPlanned(close)) markPeerLeaving(channel);
  }

  inputRead(isWithin: boolean, finished: number): void {
    const { messageTimeoutMs } = this;
    const { channel } = this.ctx!;
    if (!channel.isOpen || !Number.isFinite(messageTimeoutMs)) return;
    this.deadline ??= this.transport.deadlineFor?.(channel, messageTimeoutMs);
    this.deadline?.inputRead(isWithin, finished);
  }

  /** Ends a burst without a message, as a decoder of frames does: the peer lives, although its pongs wait behind the message. */
  partRead(): void {
    this.ctx!.fireChannelReadComplete();
  }

  channelActive(ctx: Context): void {
    const { subprotocol } = this.transport;
    if (subprotocol !== undefined) ctx.channel.attributes.set(WEB_SOCKET_PROTOCOL, subprotocol);
    ctx.fireChannelActive();
  }

  /** Writes a message. In a broadcast, all members write the same message, and its frame is built once. */
  write(ctx: Context, message: unknown): WriteFuture {
    if (message instanceof WebSocketPing && this.transport.ping !== undefined) {
      return this.transport.ping(message);
    }
    return ctx.write(encodeOnce(formOf(message), message, asMessage, sharedMessage));
  }

  channelInactive(ctx: Context): void {
    this.deadline?.cancel();
    ctx.fireChannelInactive();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    ctx.fireExceptionCaught(error);
    if (error instanceof DecodeError && 'closeCode' in error.details) {
      ctx.channel.end({ reason: 'bad-input' });
    }
  }
}

/** Returns the key of the shared form. Members with other codecs can write other forms of a message. */
function formOf(message: unknown): string {
  if (message instanceof TextMessage) return 'websocket-utf8';
  return typeof message === 'string' ? 'websocket-string' : 'websocket-bytes';
}

/**
 * Converts `OutboundBytes`, for example of encoders and lasting channels, to a binary message. Refuses a text that has no UTF-8.
 */
function asMessage(message: unknown): unknown {
  if (typeof message === 'string') checkWellFormed(message);
  const isMessage = typeof message !== 'object' || message instanceof Uint8Array;
  return isMessage || !isOutboundBytes(message) ? message : toBuffer(message);
}

function sharedMessage(message: unknown): unknown {
  return SharedMessage.of(asMessage(message));
}
