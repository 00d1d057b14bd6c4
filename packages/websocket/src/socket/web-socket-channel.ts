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
import { encodeOnce, isOutboundBytes, toBuffer } from '@headrace/core/authoring';
import type { WebSocketClose } from './close-codes.ts';
import { WebSocketPing } from './control-message.ts';
import type { FrameTransport, FrameTransportListener } from './frame-transport.ts';
import { MessageDeadline } from './message-deadline.ts';
import { SharedMessage } from './shared-message.ts';
import { TextMessage, type WebSocketInput, type WebSocketOutput } from './text-message.ts';

/** A channel whose messages are those of a WebSocket. */
export type WebSocketChannel = Channel<WebSocketInput, WebSocketOutput>;

/** Builds the pipeline of a WebSocket's channel. */
export type WebSocketInitializer = (channel: WebSocketChannel) => unknown;

/** How the peer closed its WebSocket: an attribute of the channel, set before the channel closes of it. */
export const WEB_SOCKET_CLOSE: AttributeKey<WebSocketClose> = new AttributeKey<WebSocketClose>(
  'webSocketClose',
);

/** The subprotocol that was agreed on: an attribute of the channel, set before it is active. */
export const WEB_SOCKET_PROTOCOL: AttributeKey<string> = new AttributeKey<string>(
  'webSocketProtocol',
);

/** Puts a channel on a WebSocket that is open, and starts it. */
export function openWebSocket(
  transport: FrameTransport,
  initialize: WebSocketInitializer,
  options: ChannelOptions,
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
  /** The channel that carries it. */
  readonly parent: Channel;
  readonly messageTimeoutMs: number;
}

/** The part of a transport that the first handler of a WebSocket uses; one that sends no pings, such as a browser's, has no `ping`. */
export type WebSocketTransport = Pick<FrameTransport, 'listener' | 'subprotocol'> &
  Partial<Pick<FrameTransport, 'ping'>>;

/** The first handlers of the pipeline of every WebSocket. */
export function beginPipeline(
  channel: Channel,
  transport: WebSocketTransport,
  messageTimeoutMs: number,
): void {
  channel.pipeline.addLast('websocket', new WebSocketStart(transport, messageTimeoutMs));
}

/**
 * The first handler of each WebSocket: sets its attributes, watches the time of its messages, and shares those of a
 * broadcast. When the peer has
 * broken the protocol nothing more can be read: the error is fired first, so that a handler may write an answer, then
 * our half ends.
 */
class WebSocketStart implements Handler, FrameTransportListener {
  private readonly transport: WebSocketTransport;
  private readonly messageTimeoutMs: number;
  private channel: Channel | undefined = undefined;
  private deadline: MessageDeadline | undefined = undefined;

  constructor(transport: WebSocketTransport, messageTimeoutMs: number) {
    this.transport = transport;
    this.messageTimeoutMs = messageTimeoutMs;
  }

  handlerAdded({ channel }: Context): void {
    this.channel = channel;
    this.transport.listener = this;
  }

  peerClosed(close: WebSocketClose): void {
    this.channel!.attributes.set(WEB_SOCKET_CLOSE, close);
  }

  inputRead(isWithin: boolean, finished: number): void {
    const { channel, messageTimeoutMs } = this;
    if (!channel!.isOpen || !Number.isFinite(messageTimeoutMs)) return;
    this.deadline ??= new MessageDeadline(channel!, messageTimeoutMs);
    this.deadline.inputRead(isWithin, finished);
  }

  channelActive(ctx: Context): void {
    const { subprotocol } = this.transport;
    if (subprotocol !== undefined) ctx.channel.attributes.set(WEB_SOCKET_PROTOCOL, subprotocol);
    ctx.fireChannelActive();
  }

  /** In a broadcast all members write the same message: what becomes of it on the wire is made once. */
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

/** Members with other codecs may write other forms of a message, each of which is shared. */
function formOf(message: unknown): string {
  if (message instanceof TextMessage) return 'websocket-utf8';
  return typeof message === 'string' ? 'websocket-string' : 'websocket-bytes';
}

/** Bytes that write themselves, as encoders and lasting channels make them, become a binary message. */
function asMessage(message: unknown): unknown {
  const isMessage = typeof message !== 'object' || message instanceof Uint8Array;
  return isMessage || !isOutboundBytes(message) ? message : toBuffer(message);
}

function sharedMessage(message: unknown): unknown {
  return SharedMessage.of(asMessage(message));
}
