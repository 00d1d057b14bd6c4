import type { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Address, Channel, DrainEvent, DrainStartEvent } from '@headrace/core';
import type { WebSocketChannel } from '../socket/web-socket-channel.ts';

/** Called with the channel of a new session, before its pipeline is built: the function that `authorize` returned. */
export type SessionSignIn = (channel: Channel) => void;

/** A request of a session, whose origin was checked. */
export interface SessionRequest {
  /** Channel that carries the request. */
  readonly connection: Channel;
  /** Address of the client, also behind a trusted proxy. */
  readonly client: Address | undefined;
  /**
   * Calls the listener with each drain of the connection, those before included, until the answer has ended. The connection ends after
   * the answer.
   */
  onDrain(listener: (event: DrainStartEvent | DrainEvent) => void): void;
  /**
   * Decides by `authorize` whether the request may open a session, and calls back if so. Otherwise the request is answered. During
   * a shutdown the answer is 503.
   */
  admit(accept: (signIn: SessionSignIn) => void): void;
  /** Reads the body. A body of more than `maxBytes` is answered with 413, and `done` is called with `undefined`. */
  readBody(maxBytes: number, done: (body: Buffer | undefined) => void): void;
}

/**
 * A protocol whose clients have sessions of several HTTP requests and WebSockets under one path of an `HttpEndpoint`, for example
 * the `SocketIo` of `@headrace/socket-io`. The endpoint checks the origin of each request, answers preflight requests, and sets the
 * headers that let a page of another site read the answer.
 */
export interface HttpSessions {
  /** Path of the requests and the WebSockets, for example `/socket.io/`. */
  readonly path: string;
  /** Maximum length of a message of the protocol's WebSockets, in bytes. */
  readonly maxMessageBytes: number;
  /** Answers a request that is not for a WebSocket. */
  serve(request: IncomingMessage, response: ServerResponse, place: SessionRequest): void;
  /**
   * Decides about a request for a WebSocket: it opens a session after `authorize`, continues an authorized session, or is refused
   * with 400.
   */
  takes(request: IncomingMessage): 'opens' | 'continues' | 'refused';
  /** Builds the pipeline of a WebSocket. */
  webSocket(channel: WebSocketChannel, request: IncomingMessage, signIn: SessionSignIn): void;
}
