// The room's door for programs: links over TCP.
import { type Logger, type Server, ServerBootstrap } from '@headrace/core';
import { ResumeHandler } from '@headrace/lasting';
import { answering, framing } from './link.ts';
import type { Room } from './room.ts';

export interface LastingServerOptions {
  readonly room: Room;
  readonly port: number;
  readonly host?: string;
  readonly logger?: Logger;
}

export function startServer(options: LastingServerOptions): Promise<Server> {
  const { room, port, host = '127.0.0.1', logger } = options;
  return new ServerBootstrap()
    .childOptions(logger === undefined ? {} : { logger })
    .childHandler((link) => {
      link.pipeline.addLast(...framing(), answering(), new ResumeHandler(room));
    })
    .bind({ host, port });
}
