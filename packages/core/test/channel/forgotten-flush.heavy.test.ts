import { Bootstrap, type LogLevel, ServerBootstrap } from '@headrace/core';
import { expect, it } from 'vitest';

it('a handler that forgets to flush is named in the log after some seconds', async () => {
  const lines: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => lines.push(`${level} ${text}`) };
  class Forgetful {
    channelActive(ctx: { write(message: unknown): unknown }) {
      ctx.write(Buffer.from('hello'));
    }
  }
  const server = await new ServerBootstrap()
    .childOptions({ logger })
    .childHandler((channel) => channel.pipeline.addLast(new Forgetful()))
    .bind({ host: '127.0.0.1', port: 0 });
  const { port } = server;
  const client = await new Bootstrap().handler(() => {}).connect({ host: '127.0.0.1', port });
  const isNamed = () =>
    lines.some((line) => /1 message waits.*at Forgetful\.channelActive/.test(line));
  await expect.poll(isNamed, { timeout: 20_000 }).toBe(true);
  await client.close();
  await server.close();
});
