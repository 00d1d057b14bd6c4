import type { Channel, DrainEvent, DrainStartEvent } from '@headrace/core';
import type { WebSocketChannel } from '../socket/web-socket-channel.ts';

/** The connection of a request, for the decision about a WebSocket. */
export interface RequestPlace {
  /** The channel that carries the request. */
  readonly connection: Channel;
  refuse(status: number, headers?: readonly string[]): void;
  refuseOrigin(origin: string): void;
  /** Called when the code that decides has failed. */
  refuseFailed(error: Error): void;
  /** Called for an invalid request. @param status - status of the answer, 400 by default */
  refuseBroken(error: NodeJS.ErrnoException, headers?: readonly string[], status?: number): void;
}

/** The connection of a request of a tunnel. */
export interface TunnelPlace extends RequestPlace {
  /** Whether the server is shutting down. */
  readonly isDraining: boolean;
  /** Called when an answer on this connection carries a WebSocket. */
  carries(channel: WebSocketChannel): void;
  /** Called when a session has sent a request on this connection. The connection is kept for the session's next request. */
  sessionCame(): void;
  sessionLeft(): void;
  /** Calls the listener with each drain of the connection, those before included, until the response to the request has ended. */
  onDrain(listener: (event: DrainStartEvent | DrainEvent) => void): void;
}
