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
import { CHANNEL_OPTIONS, describeOptions, encodeOnce } from '@headrace/core/authoring';
import type { WebSocketClose } from './close-codes.ts';
import { FrameScan } from './frame-scan.ts';
import { MessageDeadline } from './message-deadline.ts';
import { MESSAGE_LIMITS } from './message-limits.ts';
import type { MessageTransport, MessageTransportListener } from './message-transport.ts';
import { SharedMessage } from './shared-message.ts';
import { TextMessage, type WebSocketInput, type WebSocketOutput } from './text-message.ts';
import { CARRIER, type WebSocketCarrier, WebSocketTransport } from './web-socket-transport.ts';
import type { WsSocket } from './ws-socket.ts';

/** Options of a WebSocket's channel; what is not given comes from the channel that carries it. */
export interface WebSocketChannelOptions extends ChannelOptions, WebSocketCarrier {
  /** In how many milliseconds a begun message must be complete, where the stream is known. @default 15000 */
  readonly messageTimeoutMs?: number | false;
}

const { messageTimeoutMs } = MESSAGE_LIMITS.kinds;
const OPTIONS = describeOptions('webSocketChannel', { messageTimeoutMs }, CARRIER, CHANNEL_OPTIONS);

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

/**
 * Puts a channel on a WebSocket of the `ws` library and starts it. Our servers and clients do that
 * themselves; this is for WebSockets that come from elsewhere.
 */
export function webSocketChannel(
  ws: WsSocket,
  initialize: WebSocketInitializer,
  options: WebSocketChannelOptions = {},
): WebSocketChannel {
  const { messageTimeoutMs } = OPTIONS.resolve(options);
  const { parent } = options;
  const transport = new WebSocketTransport(ws, CARRIER.only(options));
  return openWebSocket(transport, initialize, CHANNEL_OPTIONS.only(options), {
    parent,
    messageTimeoutMs,
  });
}

/** Puts a channel on a WebSocket that is open, and starts it. */
export function openWebSocket(
  transport: MessageTransport,
  initialize: WebSocketInitializer,
  options: ChannelOptions,
  { parent, messageTimeoutMs }: OpenTerms,
): WebSocketChannel {
  const channel: unknown = openChannel(transport, {
    ...options,
    ...(parent && { parent }),
    initialize: (opening) => {
      beginPipeline(opening, transport, messageTimeoutMs);
      return initialize(opening as unknown as WebSocketChannel);
    },
  });
  return channel as WebSocketChannel;
}

interface OpenTerms {
  /** The channel that carries it, if it is one of ours. */
  readonly parent: Channel | undefined;
  readonly messageTimeoutMs: number;
}

/** What the pipeline of every WebSocket begins with. */
export function beginPipeline(
  channel: Channel,
  transport: MessageTransport,
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
class WebSocketStart implements Handler, MessageTransportListener {
  private readonly transport: MessageTransport;
  private readonly messageTimeoutMs: number;
  private channel: Channel | undefined = undefined;
  private deadline: MessageDeadline | undefined = undefined;

  constructor(transport: MessageTransport, messageTimeoutMs: number) {
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
    const { subprotocol, stream } = this.transport;
    if (stream !== undefined) new FrameScan(stream, this);
    if (subprotocol !== undefined) ctx.channel.attributes.set(WEB_SOCKET_PROTOCOL, subprotocol);
    ctx.fireChannelActive();
  }

  /** In a broadcast all members write the same message: what becomes of it on the wire is made once. */
  write(ctx: Context, message: unknown): WriteFuture {
    return ctx.write(encodeOnce(formOf(message), message, asItIs, SharedMessage.of));
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

function asItIs(message: unknown): unknown {
  return message;
}
