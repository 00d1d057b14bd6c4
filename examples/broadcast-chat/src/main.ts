// A chat server in one pipeline. Start it with `npm run simple-chat`, talk to it with `npm run chat -- ann`.
// NETTY_TCP_PORT sets the port.
import { ServerBootstrap } from '@headrace/core';
import { ConnectionLimitHandler } from '@headrace/handlers';
import { chatContainer, connectionInitializer } from './chat-container.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

const settings = DEFAULT_SETTINGS;
const port = Number(process.env['NETTY_TCP_PORT'] ?? 18_888);
const container = chatContainer({ settings });

const server = await new ServerBootstrap()
  // The listening socket's own pipeline: a connection over the limit is closed before it has a pipeline.
  .handler(({ pipeline }) => pipeline.addLast(new ConnectionLimitHandler()))
  .childHandler(connectionInitializer(container))
  .childOptions({ maxOutboundBytes: settings.maxOutboundBytes })
  .bind({ host: '127.0.0.1', port })
  .catch((error: Error) => {
    console.error(`broadcast-chat: ${error.message}`);
    process.exit(1);
  });
console.log(`listening tcp://127.0.0.1:${server.port}`);

// Accepts no more connections, writes BYE to all, and waits until they are closed.
const shutdown = (): Promise<never> => server.shutdown().then(() => process.exit(0));
process.once('SIGINT', shutdown).once('SIGTERM', shutdown);
