// One port: the first bytes of a connection tell whether it speaks HTTP or lines.
import { textLines } from '@headrace/codec';
import { ChannelGroup, type Server, ServerBootstrap } from '@headrace/core';
import { requestPath } from '@headrace/core/authoring';
import {
  ConnectionLimitHandler,
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
  isHttpRequest,
  MetricsHandler,
  ProtocolDetector,
  type ServerMetrics,
} from '@headrace/handlers';
import { HttpEndpoint, WebSocketTextCodec, webSocketHeartbeat } from '@headrace/websocket';
import { readModules } from './modules.ts';
import { page } from './page.ts';
import { RoomHandler } from './room-handler.ts';

export interface ServerOptions {
  /** A member over TCP that sends nothing for this time is closed, in milliseconds. */
  readonly idleMs: number;
  /** Counts the connections and their bytes. */
  readonly metrics: ServerMetrics;
}

const MAX_TEXT_BYTES = 8192;
/** What the page imports, and what these packages import of each other. */
const PACKAGES = ['client', 'codec', 'core', 'handlers', 'rpc', 'websocket'];

export function startServer(
  host: string,
  port: number,
  { idleMs, metrics }: ServerOptions,
): Promise<Server> {
  // A member that reads too slowly is closed after a while, and holds nobody up.
  const members = new ChannelGroup('members');
  const modules = readModules(PACKAGES.map((name) => `@headrace/${name}`));
  const html = page(modules.importMap);
  const http = new HttpEndpoint({
    request: ({ url }, response) => {
      const path = requestPath(url);
      const file = modules.files.get(path);
      const isThere = path === '/' || file !== undefined;
      const type = file === undefined ? 'text/html' : 'text/javascript';
      response
        .writeHead(isThere ? 200 : 404, { 'Content-Type': `${type}; charset=utf-8` })
        .end(path === '/' ? html : (file ?? 'Not found\n'));
    },
    webSocketPath: '/ws',
    maxMessageBytes: MAX_TEXT_BYTES,
    webSocket: (channel) =>
      channel.pipeline.addLast(
        // The browser answers pings by itself, so a page that is gone is found out.
        new HeartbeatHandler({ ...HEARTBEAT_PRESETS.relaxed, format: webSocketHeartbeat() }),
        new WebSocketTextCodec(),
        new RoomHandler(members, 'websocket'),
      ),
  });
  return new ServerBootstrap()
    .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler((connection) =>
      connection.pipeline.addLast(
        new MetricsHandler({ metrics }),
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
