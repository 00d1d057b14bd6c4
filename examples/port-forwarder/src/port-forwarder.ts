// Forwards every connection to another server: bytes both ways, no faster than the slower side, and the
// ends of both halves, each after its last byte.
import { Bootstrap, type Logger, type Server, ServerBootstrap } from '@headrace/core';
import { ConnectionLimitHandler, ForwardHandler } from '@headrace/handlers';

export interface ForwarderOptions {
  readonly host?: string;
  readonly port: number;
  readonly to: { readonly host: string; readonly port: number };
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
}

export function startForwarder(options: ForwarderOptions): Promise<Server> {
  const { host = '127.0.0.1', port, to, connectTimeoutMs = 5000, logger } = options;
  // A half-closure must not close the whole connection: "send, end, read the answer" has to pass.
  const common = { allowHalfOpen: true, ...(logger === undefined ? {} : { logger }) };
  return new ServerBootstrap()
    .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
    .childOptions(common)
    .childHandler((channel) =>
      channel.pipeline.addLast(
        new ForwardHandler({
          connect: ({ install, signal }) =>
            new Bootstrap()
              .options({ ...common, connectTimeoutMs })
              .handler(install)
              .connect(to, { signal }),
        }),
      ),
    )
    .bind({ host, port });
}
