// Peers that answer every ping, while the application holds their reads: nobody can see the answers.
import net from 'node:net';
import { textLines } from '@headrace/codec';
import { type Channel, ServerBootstrap, silentLogger } from '@headrace/core';
import { expect, it } from 'vitest';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';

const PEERS = 10;
const INTERVAL_MS = 500;
const ANSWER_MS = 1000;
/** Longer than a silent peer lives, 2.5 s, but for its reads. */
const HELD_MS = 6000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it(`${PEERS} peers that answer live through ${HELD_MS} ms of held reads; one that is silent dies after them`, async () => {
  const channels: Channel[] = [];
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => {
      channels.push(channel as Channel);
      channel.pipeline.addLast(
        ...textLines(),
        new HeartbeatHandler({
          intervalMs: INTERVAL_MS,
          timeoutMs: ANSWER_MS,
          maxMissed: 2,
        }),
      );
    })
    .bind({ host: '127.0.0.1', port: 0 });
  let answered = 0;
  const sockets = Array.from({ length: PEERS + 1 }, (_, index) => {
    const socket = net.connect({ host: '127.0.0.1', port: server.port });
    socket.setEncoding('latin1').on('error', () => {});
    socket.on('data', (text: string) => {
      if (index === PEERS) return;
      for (const _ping of text.match(/PING/g) ?? []) {
        answered += 1;
        socket.write('PONG\n');
      }
    });
    return socket;
  });
  await expect.poll(() => channels.length).toBe(PEERS + 1);
  await expect.poll(() => answered, { timeout: 20_000 }).toBeGreaterThan(PEERS);

  const open = () => channels.filter(({ isOpen }) => isOpen).length;
  const holds = channels.map((channel) => channel.holdReads('application'));
  await pause(HELD_MS);
  expect(open()).toBeGreaterThanOrEqual(PEERS);
  for (const hold of holds) hold.release();
  await expect.poll(open, { timeout: 20_000 }).toBe(PEERS);
  await pause(HELD_MS);
  expect(open()).toBe(PEERS);
  expect(channels.find(({ isOpen }) => !isOpen)?.closeInfo?.reason).toBe('heartbeat');

  for (const socket of sockets) socket.destroy();
  await server.close();
});
