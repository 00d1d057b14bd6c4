// One port: the page, and a WebSocket for each one that is open.
import { ChannelGroup, type Server, ServerBootstrap } from '@headrace/core';
import { requestPath } from '@headrace/core/authoring';
import {
  ConnectionLimitHandler,
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  MessageRateHandler,
  MetricsHandler,
  type ServerMetrics,
} from '@headrace/handlers';
import { HttpEndpoint, WebSocketJsonCodec, webSocketHeartbeat } from '@headrace/websocket';
import { MemberHandler } from './member-handler.ts';
import { Say, type Told } from './messages.ts';
import type { PageFiles } from './page-files.ts';

const MAX_MESSAGE_BYTES = 8192;

/**
 * @param page - the files of the page, by path
 * @param metrics - counts the connections and their bytes
 */
export function startServer(
  host: string,
  port: number,
  page: PageFiles,
  metrics: ServerMetrics,
): Promise<Server> {
  // A page that reads too slowly misses the oldest messages, and holds nobody up.
  const members = new ChannelGroup<Told>('members', { slowMember: 'drop-oldest' });
  const http = new HttpEndpoint({
    request: (request, response) => {
      const file = page.get(requestPath(request.url));
      if (file === undefined) response.writeHead(404).end('Not found\n');
      else response.writeHead(200, { 'Content-Type': file.type }).end(file.content);
    },
    webSocketPath: '/ws',
    maxMessageBytes: MAX_MESSAGE_BYTES,
    webSocket: (channel) =>
      channel.pipeline.addLast(
        // Browsers answer pings by themselves: a laptop that was closed is found.
        new HeartbeatHandler({ ...HEARTBEAT_PRESETS.relaxed, format: webSocketHeartbeat() }),
        new WebSocketJsonCodec<Say, Told>({ schema: Say }),
        new MessageRateHandler({ perSecond: 10 }),
        new MemberHandler(members),
      ),
  });
  return new ServerBootstrap()
    .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler((connection) =>
      connection.pipeline.addLast(new MetricsHandler({ metrics }), http.handler()),
    )
    .bind({ host, port });
}
