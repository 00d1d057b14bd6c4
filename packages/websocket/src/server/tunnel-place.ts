import type { Channel } from '@headrace/core';
import type { WebSocketChannel } from '../socket/web-socket-channel.ts';

/** The connection of a request, as the decision about a WebSocket uses it. */
export interface RequestPlace {
  /** The channel that carries the request. */
  readonly connection: Channel;
  refuse(status: number, headers?: readonly string[]): void;
  refuseOrigin(origin: string): void;
  /** The code that decides failed. */
  refuseFailed(error: Error): void;
  /** The request is not a proper one. */
  refuseBroken(error: NodeJS.ErrnoException, headers?: readonly string[]): void;
}

/** The connection of a request of a tunnel. */
export interface TunnelPlace extends RequestPlace {
  /** The server shuts down. */
  readonly isDraining: boolean;
  /** The answer on this connection carries a WebSocket. */
  carries(channel: WebSocketChannel): void;
  /** A session has sent a request on this connection, which is kept for its next one. */
  sessionCame(): void;
  sessionLeft(): void;
}
