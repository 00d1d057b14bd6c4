import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { Readable } from 'node:stream';
import { type Context, ServerBootstrap } from '@headrace/core';
import { expect, it } from 'vitest';
import { StreamWriteHandler } from '../../src/flow/stream-write-handler.ts';

it('sends a file-sized stream to a slow reader without holding it in memory', async () => {
  const chunk = randomBytes(64 * 1024);
  const count = 256;
  let highest = 0;
  let produced = 0;
  const server = await new ServerBootstrap()
    .childHandler((channel) => {
      channel.pipeline.addLast(new StreamWriteHandler(), {
        channelActive: (ctx: Context) => {
          const source = new Readable({
            read() {
              highest = Math.max(highest, channel.pendingOutboundBytes);
              produced += 1;
              this.push(produced <= count ? chunk : null);
            },
          });
          ctx.writeAndFlush(source).onSettled(() => channel.end());
        },
      });
    })
    .bind({ host: '127.0.0.1', port: 0 });
  const socket = net.connect({ host: '127.0.0.1', port: server.port });
  let received = 0;
  let isSame = true;
  for await (const bytes of socket) {
    const part = bytes as Buffer;
    for (let i = 0; i < part.length && isSame; i += 1009) {
      isSame = part[i] === chunk[(received + i) % chunk.length];
    }
    received += part.length;
  }
  await server.close();
  expect(received).toBe(count * chunk.length);
  expect(isSame).toBe(true);
  // The high-water mark and the chunk that crossed it.
  expect(highest).toBeLessThan(200 * 1024);
});
