import type { Clock } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { Gateway, Worker } from '@headrace/gateway';
import { expect, it } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';

const CONNECTIONS = 20;
const MESSAGES = 120;

function after(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.schedule(resolve, ms));
}

/** Workers that leave one after the other, each when its successor is there, while connections send. */
async function deploy(delivery: 'acknowledged' | 'at-most-once') {
  const nodes = new VirtualNodes();
  const handled: string[] = [];
  let repeated = 0;
  const add = async () => {
    const cluster = await nodes.join({ roles: ['worker'] });
    new Worker<string>({
      cluster,
      onMessage: async (_connection, text, how) => {
        if (how.repeated) repeated += 1;
        await after(nodes.clock, 20);
        handled.push(text);
      },
    });
    return cluster;
  };
  const workers = [await add(), await add(), await add()];
  const front = await nodes.join();
  const gateway = new Gateway<string>({ cluster: front, delivery });
  await nodes.pass(2000);
  const channels = Array.from({ length: CONNECTIONS }, () =>
    EmbeddedChannel.with({ clock: nodes.clock }, gateway.handler()),
  );
  let sent = 0;
  const send = (): void => {
    if (sent === MESSAGES) return;
    // Faster than the workers, so that messages wait at them.
    for (let i = 0; i < 4; i += 1) {
      for (const [k, channel] of channels.entries()) channel.writeInbound(`${k}-${sent}`);
      sent += 1;
    }
    nodes.clock.schedule(send, 60);
  };
  send();
  let longestMs = 0;
  for (const worker of workers) {
    await add();
    await nodes.pass(200);
    const begunAt = nodes.clock.now();
    void worker.leave({ drainTimeoutMs: 8000 }).then(() => {
      longestMs = Math.max(longestMs, nodes.clock.now() - begunAt);
    });
    await nodes.pass(400);
  }
  await nodes.pass(6000);
  const once = new Set(handled).size;
  return { repeated, once, twice: handled.length - once, lost: gateway.lostCount, longestMs };
}

it('workers that leave in order repeat no message', async () => {
  const { longestMs, ...counts } = await deploy('acknowledged');
  expect(counts).toEqual({ repeated: 0, once: CONNECTIONS * MESSAGES, twice: 0, lost: 0 });
  expect(longestMs).toBeLessThan(200);
});

it('workers that leave in order lose no message, with at-most-once too', async () => {
  const { longestMs, ...counts } = await deploy('at-most-once');
  expect(counts).toEqual({ repeated: 0, once: CONNECTIONS * MESSAGES, twice: 0, lost: 0 });
  expect(longestMs).toBeLessThan(3000);
});

it('a worker without connections leaves at once', async () => {
  const nodes = new VirtualNodes();
  const cluster = await nodes.join({ roles: ['worker'] });
  new Worker({ cluster, onMessage: () => {} });
  let hasLeft = false;
  void cluster.leave().then(() => {
    hasLeft = true;
  });
  await nodes.pass(20);
  expect(hasLeft).toBe(true);
});
