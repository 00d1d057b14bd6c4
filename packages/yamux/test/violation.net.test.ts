import { connect } from 'node:net';
import { type Context, ServerBootstrap, silentLogger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { YamuxHandler } from '../src/index.ts';

const GO_AWAY_OF_AN_ERROR = '000300000000000000000001';

describe('a violation', () => {
  it.each([
    ['no handler catches its error', {}],
    ['a handler catches its error', { exceptionCaught: () => {} }],
  ])('is answered, although the peer goes on sending, if %s', async (_name, catcher) => {
    const server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger, clock: new VirtualClock() })
      .childHandler((channel) =>
        channel.pipeline.addLast(
          new YamuxHandler({ role: 'server', childHandler: () => {} }),
          catcher as { exceptionCaught(ctx: Context, error: Error): void },
        ),
      )
      .bind({ port: 0, host: '127.0.0.1' });
    try {
      const socket = connect(server.port, '127.0.0.1').pause();
      socket.on('error', () => {});
      const more = Buffer.alloc(256 * 1024, 'x');
      for (let i = 0; i < 20; i++) await new Promise((resolve) => socket.write(more, resolve));
      let got = '';
      socket.on('data', (bytes) => {
        got += bytes.toString('hex');
      });
      await new Promise((resolve) => socket.resume().once('close', resolve));
      expect(got).toContain(GO_AWAY_OF_AN_ERROR);
    } finally {
      await server.close();
    }
  });
});
