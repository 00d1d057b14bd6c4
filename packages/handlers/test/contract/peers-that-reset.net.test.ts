import net from 'node:net';
import { type Handler, ServerBootstrap } from '@headrace/core';
import { expect, it } from 'vitest';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import { ConnectionLimitHandler } from '../../src/limit/connection-limit-handler.ts';

const PEERS = 200;

it.each(['handle', 'socket'] as const)(
  'connections that reset while an authenticator works are gone, and their places free: %s',
  async (transport) => {
    let asked = 0;
    let aborted = 0;
    const waiting: { asked?: () => void; gone?: () => void } = {};
    const allAsked = new Promise<void>((resolve) => {
      waiting.asked = resolve;
    });
    const allGone = new Promise<void>((resolve) => {
      waiting.gone = resolve;
    });
    const limit = new ConnectionLimitHandler({ total: PEERS, perAddress: PEERS });
    const server = await new ServerBootstrap()
      .handler((channel) => void channel.pipeline.addLast(limit as unknown as Handler))
      .childHandler((channel) => {
        const auth = new AuthHandler({
          timeoutMs: false,
          authenticate: (_bytes: Buffer, { signal }) => {
            asked += 1;
            if (asked === PEERS) waiting.asked!();
            signal.addEventListener('abort', () => {
              aborted += 1;
              if (aborted === PEERS) waiting.gone!();
            });
            return new Promise<{ refused: string }>(() => {});
          },
        });
        channel.pipeline.addLast(auth as unknown as Handler);
      })
      .bind({ port: 0, host: '127.0.0.1', transport });
    const peers = Array.from({ length: PEERS }, () => {
      const peer = net.connect(server.port, '127.0.0.1');
      peer.on('error', () => {});
      peer.write('credentials');
      return peer;
    });
    await allAsked;
    // On public sockets Node reads ahead: more than that waits unread.
    for (const peer of peers) peer.write(Buffer.alloc(200_000));
    await new Promise((resolve) => setImmediate(resolve));
    for (const peer of peers) peer.resetAndDestroy();
    await allGone;
    expect([server.connections.size, aborted]).toEqual([0, PEERS]);
    await server.close();
  },
);
