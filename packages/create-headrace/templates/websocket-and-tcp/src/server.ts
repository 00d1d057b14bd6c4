// One port: the first bytes of a connection tell whether it speaks HTTP or lines.
import { textLines } from '@headrace/codec';
import { ChannelGroup, type Server, ServerBootstrap } from '@headrace/core';
import {
  ConnectionLimitHandler,
  IdleCloseHandler,
  IdleStateHandler,
  isHttpRequest,
  ProtocolDetector,
} from '@headrace/handlers';
import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';
import { PAGE } from './page.ts';
import { RoomHandler } from './room-handler.ts';

export interface ServerOptions {
  /** A member that sends nothing for this time is closed, in milliseconds. */
  readonly idleMs: number;
}

const MAX_TEXT_BYTES = 8192;

export function startServer(
  host: string,
  port: number,
  { idleMs }: ServerOptions,
): Promise<Server> {
  // Who reads too slowly is closed after a while, and holds nobody up.
  const members = new ChannelGroup('members');
  const http = new HttpEndpoint({
    request: (request, response) => {
      const isPage = request.url === '/';
      response
        .writeHead(isPage ? 200 : 404, { 'Content-Type': 'text/html; charset=utf-8' })
        .end(isPage ? PAGE : 'Not found\n');
    },
    webSocketPath: '/ws',
    maxMessageBytes: MAX_TEXT_BYTES,
    webSocket: (channel) =>
      channel.pipeline.addLast(
        new IdleStateHandler({ readerIdleMs: idleMs }),
        new WebSocketTextCodec(),
        new IdleCloseHandler({ lastWord: () => 'bye: idle for too long' }),
        new RoomHandler(members, 'websocket'),
      ),
  });
  return new ServerBootstrap()
    .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler((connection) =>
      connection.pipeline.addLast(
        new ProtocolDetector({
          protocols: [
            {
              name: 'http',
              matches: isHttpRequest,
              install: (channel) => channel.pipeline.addLast(http.handler()),
            },
          ],
          otherwise: (channel) =>
            channel.pipeline.addLast(
              new IdleStateHandler({ readerIdleMs: idleMs }),
              ...textLines({ maxLength: MAX_TEXT_BYTES, failFast: true }),
              new IdleCloseHandler({ lastWord: () => 'bye: idle for too long' }),
              new RoomHandler(members, 'tcp'),
            ),
          timeoutMs: 5000,
          // A person with nc who waits for a word speaks lines.
          handleTimeout: () => 'otherwise',
        }),
      ),
    )
    .bind({ host, port });
}
