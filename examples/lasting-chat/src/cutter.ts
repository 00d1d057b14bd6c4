// Stands between the server and those who talk, and severs all connections again and again.
import { Bootstrap, type Logger, type Server, ServerBootstrap } from '@headrace/core';
import { ForwardHandler } from '@headrace/handlers';

export interface CutterOptions {
  readonly port: number;
  readonly host?: string;
  readonly to: number;
  readonly everyMs?: number;
  readonly logger?: Logger;
  /** Gets what happens, as lines. */
  readonly note?: (line: string) => void;
}

export async function startCutter(options: CutterOptions): Promise<Server> {
  const { port, host = '127.0.0.1', to, everyMs = 2000, logger, note } = options;
  const common = logger === undefined ? {} : { logger };
  const server = await new ServerBootstrap()
    .childOptions(common)
    .childHandler((channel) =>
      channel.pipeline.addLast(
        new ForwardHandler({
          connect: ({ install, signal }) =>
            new Bootstrap()
              .options(common)
              .handler(install)
              .connect({ host, port: to }, { signal }),
        }),
      ),
    )
    .bind({ host, port });
  const timer = setInterval(() => {
    note?.(`cuts ${server.connections.size}`);
    for (const connection of server.connections) connection.abort();
  }, everyMs);
  server.channel.onClosed(() => clearInterval(timer));
  return server;
}
