import {
  type Channel,
  type ChannelOptions,
  type CloseReason,
  initializer,
  resolveChannelOptions,
  TransportChannel,
  type WriteFuture,
} from '@headrace/core';
import type { WebSocketClose } from './close-codes.ts';
import type { WebSocketInput, WebSocketOutput } from './text-message.ts';
import { type WebSocketCarrier, WebSocketTransport } from './web-socket-transport.ts';
import type { WsSocket } from './ws-socket.ts';

/** Options of a WebSocket's channel; what is not given comes from the channel that carries it. */
export interface WebSocketChannelOptions extends ChannelOptions, WebSocketCarrier {}

/** Builds the pipeline of a WebSocket's channel. */
export type WebSocketInitializer = (channel: Channel<WebSocketInput, WebSocketOutput>) => unknown;

/** A channel whose messages are those of a WebSocket. */
export class WebSocketChannel extends TransportChannel {
  private readonly socket: WebSocketTransport;

  constructor(transport: WebSocketTransport, options: ChannelOptions, parent?: Channel) {
    const inherited = parent && { logger: parent.logger, clock: parent.clock };
    super(transport, resolveChannelOptions({ ...inherited, ...options }), parent);
    this.socket = transport;
    transport.onProtocolError = (error) => {
      this.pipeline.fireExceptionCaught(error);
      // Nothing more can be read. Whoever had something to say about it has said it.
      this.end({ reason: 'bad-input' });
    };
  }

  /** How the peer closed: the code and text of its close frame. */
  get peerClose(): WebSocketClose | undefined {
    return this.socket.peerClose;
  }

  /** One long message on its way counts as progress, too. */
  override get outboundProgress(): number {
    return super.outboundProgress + (this.parent?.outboundProgress ?? 0);
  }

  override transportClose(reason: CloseReason): WriteFuture {
    this.socket.closeReason = reason;
    return super.transportClose(reason);
  }

  override end(options: Parameters<Channel['end']>[0] = {}): WriteFuture {
    if (!this.isOutputShutdown) this.socket.closeReason = options.reason ?? 'local';
    return super.end(options);
  }

  override abort(reason: CloseReason = 'local'): WriteFuture {
    this.socket.closeReason = reason;
    return super.abort(reason);
  }

  override unhandledException(error: Error): void {
    this.socket.closeError ??= error;
    super.unhandledException(error);
  }

  /** What closed the connection below closed the WebSocket. */
  override disconnected(): void {
    const cause = this.parent?.closeInfo;
    if (this.isOutputShutdown || cause === undefined || cause.reason === 'peer') this.inputEnded();
    else if (cause.error !== undefined) this.failed(cause.error);
    else super.transportClose(cause.reason);
    super.disconnected();
  }
}

/**
 * Puts a channel on a WebSocket of the `ws` library and starts it. Our servers and clients do that
 * themselves; this is for WebSockets that come from elsewhere.
 */
export function webSocketChannel(
  ws: WsSocket,
  initialize: WebSocketInitializer,
  options: WebSocketChannelOptions = {},
): WebSocketChannel {
  const { parent, stream, ...channelOptions } = options;
  const carrier = { ...(parent && { parent }), ...(stream && { stream }) };
  const transport = new WebSocketTransport(ws, carrier);
  const channel = new WebSocketChannel(transport, channelOptions, parent);
  channel.pipeline.addLast(initializer(initialize as (channel: Channel) => void));
  channel.register();
  return channel;
}
