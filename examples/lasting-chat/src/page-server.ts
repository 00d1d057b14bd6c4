// The room's door for browsers: the page, and links over WebSockets, whose messages need no framing.
import { readFile } from 'node:fs/promises';
import { type Server, ServerBootstrap } from '@headrace/core';
import { requestPath } from '@headrace/core/authoring';
import { ResumeHandler } from '@headrace/lasting';
import { HttpEndpoint, WebSocketBinaryCodec } from '@headrace/websocket';
import type { LastingServerOptions } from './lasting-server.ts';
import { answering } from './link.ts';

export interface PageServerOptions extends LastingServerOptions {
  /** The page's program, in one file. */
  readonly program: string;
}

export async function startPageServer(options: PageServerOptions): Promise<Server> {
  const { room, program, port, host = '127.0.0.1', logger } = options;
  const page = await readFile(new URL('page/index.html', import.meta.url));
  const files = new Map([
    ['/', { type: 'text/html; charset=utf-8', body: page }],
    ['/page.js', { type: 'text/javascript; charset=utf-8', body: Buffer.from(program) }],
  ]);
  const endpoint = new HttpEndpoint({
    webSocketPath: '/room',
    webSocket: (link) =>
      link.pipeline.addLast(new WebSocketBinaryCodec(), answering(), new ResumeHandler(room)),
    request: (request, response) => {
      const file = files.get(requestPath(request.url));
      response.writeHead(file === undefined ? 404 : 200, {
        'content-type': file?.type ?? 'text/plain',
      });
      response.end(file?.body ?? 'not here');
    },
  });
  return new ServerBootstrap()
    .childOptions(logger === undefined ? {} : { logger })
    .childHandler((connection) => connection.pipeline.addLast(endpoint.handler()))
    .bind({ host, port });
}
