// The chat: rooms, answers, and clients that get what they missed. Its page comes from the same port.
import { type Logger, type Server, ServerBootstrap, stderrLogger } from '@headrace/core';
import { requestPath } from '@headrace/core/authoring';
import { ConnectionLimitHandler, MessageRateHandler } from '@headrace/handlers';
import { SocketIo, SocketIoNamespace } from '@headrace/socket-io';
import { HttpEndpoint } from '@headrace/websocket';
import { z } from 'zod';
import { type ClientToServer, ROOMS, type ServerToClient } from './events.ts';

const Name = z.string().regex(/^[\w -]{1,20}$/);

export interface ChatOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** The page, and its program in one file. Called for each visitor. */
  readonly files: () => Promise<{ readonly html: string; readonly program: string }>;
  readonly logger?: Logger;
}

export function startChat({ port, files, logger = stderrLogger('warn') }: ChatOptions) {
  const chat = new SocketIoNamespace<ClientToServer, ServerToClient>('/', {
    authorize: ({ auth }) => Name.safeParse(auth['name']).success || { message: 'bad name' },
    recovery: {},
    pipeline: ({ pipeline }) => pipeline.addLast(new MessageRateHandler({ perSecond: 10 })),
    schemas: {
      join: z.tuple([z.enum(ROOMS)]),
      say: z.tuple([z.string().min(1).max(500)]),
    },
    events: {
      join(socket, room, joined) {
        socket.leave(...socket.rooms);
        socket.join(room);
        joined(chat.to(room).except(socket.id).size);
      },
      say(socket, text, heard) {
        // Without a room, `to()` would be all clients.
        const [room] = socket.rooms;
        if (room === undefined) return heard(0);
        const others = socket.to(room);
        others.emit('said', String(socket.handshake.auth['name']), text);
        heard(others.size);
      },
    },
  });
  const endpoint = new HttpEndpoint({
    sessions: new SocketIo({ namespaces: [chat], maxPayloadBytes: 10_000 }),
    request: async ({ url }, response) => {
      const path = requestPath(url);
      const type = { '/': 'html', '/page.js': 'javascript' }[path];
      if (type === undefined) return response.writeHead(404).end();
      const { html, program } = await files();
      response.setHeader('Content-Type', `text/${type}; charset=utf-8`);
      return response.end(type === 'html' ? html : program);
    },
  });
  return new ServerBootstrap()
    .options({ logger })
    .handler(({ pipeline }) => pipeline.addLast(new ConnectionLimitHandler({ total: 1000 })))
    .childOptions({ logger })
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port }) satisfies Promise<Server>;
}
