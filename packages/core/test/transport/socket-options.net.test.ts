// Each way to a socket refuses probes that this Node cannot set, and takes them where it can.
import net from 'node:net';
import { expect, it } from 'vitest';
import { Bootstrap } from '../../src/bootstrap/bootstrap.ts';
import { ServerBootstrap } from '../../src/bootstrap/server-bootstrap.ts';

const TAKES = net.Socket.prototype.setKeepAlive.length >= 4;
const PROBES = { keepAliveInitialDelayMs: 30_000, keepAliveIntervalMs: 7000, keepAliveCount: 3 };
const host = '127.0.0.1';

it('the options of keepalive probes come to each kind of socket, or are refused', async () => {
  const plain = await new ServerBootstrap().childHandler(() => {}).bind({ port: 0, host });
  const client = new Bootstrap().options(PROBES).handler(() => {});
  const outcomes: string[] = [];
  const note = (promise: PromiseLike<{ close(): unknown }>) =>
    promise.then(
      (open) => {
        outcomes.push('taken');
        return open.close();
      },
      (error: Error) => void outcomes.push(error.message.slice(0, 27)),
    );
  await note(client.connect({ port: plain.port, host }));
  for (const transport of ['auto', 'socket'] as const) {
    const server = new ServerBootstrap().childOptions(PROBES).childHandler(() => {});
    await note(
      server.bind({ port: 0, host, transport }).then(async (bound) => {
        const accepted = new Promise((resolve) => bound.once('connection', resolve));
        const peer = net.connect(bound.port, host);
        await accepted;
        peer.destroy();
        return bound;
      }),
    );
  }
  await plain.close();
  expect(outcomes).toEqual(
    Array(3).fill(TAKES ? 'taken' : 'keepAliveIntervalMs needs a '.slice(0, 27)),
  );
});
