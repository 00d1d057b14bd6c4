import {
  type Channel,
  type Context,
  DecodeError,
  type Handler,
  type OutboundBytes,
  RejectedError,
  TimedOutError,
} from '@headrace/core';
import { inject, injectable, token } from '@headrace/inject';
import { HttpEndpoint, type WebSocketAcceptor } from '@headrace/websocket';
import { MAX_MESSAGE_BYTES } from 'headrace-example-broadcast-chat';
import { PeerLog } from '../room/peer-log.ts';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { answerPage } from './page-request.ts';
import { ServedPage } from './served-page.ts';

/** Builds the pipeline of a WebSocket. */
export const WEB_SOCKET_ACCEPTOR = token<WebSocketAcceptor>('webSocketAcceptor');

/** The page and its WebSocket on `/ws`, for connections that speak HTTP. */
@injectable()
export class ChatEntry {
  private readonly entry: HttpEndpoint;
  private readonly log: PeerLog;

  constructor(
    @inject(SETTINGS)
    { allowedOrigins, trustedProxies, authSeconds, maxOutboundBytes }: Settings,
    @inject(ServedPage) page: ServedPage,
    @inject(WEB_SOCKET_ACCEPTOR) webSocket: WebSocketAcceptor,
    @inject(PeerLog) log: PeerLog,
  ) {
    this.log = log;
    this.entry = new HttpEndpoint({
      webSocket,
      webSocketPath: '/ws',
      webSocketOptions: { maxOutboundBytes, hooks: { writeFailed() {} } },
      maxMessageBytes: MAX_MESSAGE_BYTES,
      request: (request, response) => answerPage(page, request, response),
      allowOrigin: allowedOrigins,
      trustedProxies,
      timeoutMs: authSeconds * 1000,
    });
  }

  /** Serves one connection; its first request must be there before the deadline of the channel's clock. */
  serve(channel: Channel<Buffer, OutboundBytes>, deadline: number): void {
    const timeoutMs = Math.max(1, deadline - channel.clock.now());
    const handler = this.entry.handler({ timeoutMs });
    // A WebSocket has a line of its own; a browser that keeps its connection a while does no wrong.
    const isQuiet = () => handler.webSocket !== undefined || channel.closeInfo?.reason === 'idle';
    this.log.watch(channel as Channel, isQuiet);
    channel.pipeline.addLast(handler).addLast('blame', this.blame());
  }

  /** The peer has its answer already; only the reason in the log is missing. */
  private blame(): Handler {
    return {
      exceptionCaught: (ctx: Context, error: Error) => {
        const reason = reasonFor(error);
        if (reason === undefined) ctx.fireExceptionCaught(error);
        else {
          this.log.blame(ctx.channel, error);
          ctx.channel.end({ reason });
        }
      },
    };
  }
}

function reasonFor(error: Error): string | undefined {
  if (error instanceof DecodeError) return 'bad-input';
  if (error instanceof TimedOutError) return 'timeout';
  return error instanceof RejectedError ? 'refused' : undefined;
}
