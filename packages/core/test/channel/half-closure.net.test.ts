import { Bootstrap, type Channel, ServerBootstrap, silentLogger } from '@headrace/core';
import { expect, it } from 'vitest';
import { Text } from '../fixture/text.ts';

it('ending the output sends every accepted write first, and the loop goes on to the peer’s end', async () => {
  const received: string[] = [];
  const server = await new ServerBootstrap()
    .childOptions({ allowHalfOpen: true, logger: silentLogger })
    .childHandler((channel) => {
      channel.pipeline.addLast(new Text());
      const texts: Channel = channel as Channel;
      void (async () => {
        for await (const text of texts) received.push(String(text));
        await texts.writeAndFlush(`got ${received.join('').length}`);
        await channel.shutdown('output');
      })();
    })
    .bind({ port: 0, host: '127.0.0.1' });
  const client = await new Bootstrap()
    .options({ allowHalfOpen: true, logger: silentLogger })
    .handler((channel) => channel.pipeline.addLast(new Text()))
    .connect({ port: server.port, host: '127.0.0.1' });
  const answers: unknown[] = [];
  const loop = (async () => {
    for await (const text of client) answers.push(text);
  })();
  for (let i = 0; i < 1000; i++) client.write('x'.repeat(100));
  client.flush();
  await client.shutdown('output');
  await loop;
  expect(answers.join('')).toBe('got 100000');
  await server.close();
});
