// One port: the page, and the clients of Socket.IO.
import { type Server, ServerBootstrap } from '@headrace/core';
import { requestPath } from '@headrace/core/authoring';
import { ConnectionLimitHandler, MetricsHandler, type ServerMetrics } from '@headrace/handlers';
import { SocketIo } from '@headrace/socket-io';
import { HttpEndpoint } from '@headrace/websocket';
import { createChat } from './chat.ts';
import type { PageFiles } from './page-files.ts';

const MAX_PAYLOAD_BYTES = 100_000;

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
  const sessions = new SocketIo({
    namespaces: [createChat()],
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
  });
  const http = new HttpEndpoint({
    sessions,
    request: (request, response) => {
      const file = page.get(requestPath(request.url));
      if (file === undefined) response.writeHead(404).end('Not found\n');
      else response.writeHead(200, { 'Content-Type': file.type }).end(file.content);
    },
  });
  return new ServerBootstrap()
    .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler((connection) =>
      connection.pipeline.addLast(new MetricsHandler({ metrics }), http.handler()),
    )
    .bind({ host, port });
}
