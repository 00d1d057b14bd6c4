// A server to try the client on: answers PING with PONG, and each other line with itself.
import { textLines } from '@headrace/codec';
import { pipeline, type Server, ServerBootstrap } from '@headrace/core';
import { EchoHandler, HeartbeatHandler } from '@headrace/handlers';

export function startServer(host: string, port: number): Promise<Server> {
  return new ServerBootstrap()
    .childHandler(
      pipeline().add(
        ...textLines({ failFast: true }),
        () => new HeartbeatHandler({ silenceMs: 60_000 }),
        () => new EchoHandler(),
      ),
    )
    .bind({ host, port });
}
