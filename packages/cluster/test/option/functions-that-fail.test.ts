import { EvenConnections, routeServer } from '@headrace/cluster';
import { ChannelMatchers, type Logger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { expect } from 'vitest';
import { describeFunctions } from '../../../core/test/fixture/function-options.ts';
import { sent } from '../nodes.ts';
import { clustered } from './clustered.ts';

const node = (port: number, connections: number) =>
  ({
    id: String(port),
    address: { host: '10.0.0.1', port },
    connections,
    state: 'ready',
    life: 'alive',
    load: 0,
    roles: [],
  }) as const;

describeFunctions(new URL('../../src/', import.meta.url), {
  'Cluster.join connections': clustered((connections) => ({ connections })),
  'Cluster.join load': clustered((load) => ({ load })),
  'Cluster.join random': clustered(
    (random) => ({ random }),
    async (nodes, a, b) => {
      for (const cluster of [a, b]) cluster.group('room').add(nodes.channel());
      await nodes.pass(5000);
      a['context'].wire.host.random();
    },
  ),
  'Cluster.join randomBytes': clustered((bytes) => ({ randomBytes: bytes })),
  'group idOf': clustered(
    () => ({}),
    (nodes, a, _b, idOf) => {
      a.group('room', { idOf, presence: 'ids' }).add(nodes.channel());
    },
  ),
  'EvenConnections sendOn': (sendOn, errors) => {
    const clock = new VirtualClock();
    const nodes = [node(1, 10), node(2, 0)];
    const logger: Logger = { log: (_level, text, error) => void errors.push(`${text}: ${error}`) };
    const even = new EvenConnections({ cluster: { nodes }, sendOn, clock, logger });
    clock.advance(2000);
    even.stop();
  },
  'routeServer random': async (random) => {
    const route = await routeServer({
      cluster: { nodes: [node(1, 1), node(2, 1)] },
      random,
      host: '127.0.0.1',
      port: 0,
    });
    const answer = await fetch(`http://127.0.0.1:${route.port}/route`);
    expect(answer.status).toBe(200);
    await answer.text();
    await route.close();
  },
  'users idOf': clustered(
    (idOf) => ({ users: { idOf } }),
    (nodes, a) => {
      a.users.add({ principal: 'ann', channel: nodes.channel(), kick: () => {} } as never);
    },
  ),
  'a matcher of a group': clustered(
    () => ({}),
    async (nodes, a, _b, fails) => {
      const channel = nodes.channel();
      const group = a.group<string>('room');
      group.add(channel);
      let thrown: Error | undefined;
      try {
        group.writeAndFlush('x', ChannelMatchers.elsewhere(fails, 'none')).then(
          () => {},
          () => {},
        );
      } catch (error) {
        thrown = error as Error;
      }
      await nodes.pass(10);
      expect(sent(channel)).toEqual([]);
      if (thrown !== undefined) throw thrown;
    },
  ),
  'codec of a group, encode': clustered(
    () => ({}),
    (nodes, a, _b, encode) => {
      const group = a.group('room', { codec: { encode, decode: () => 'x' } as never });
      group.add(nodes.channel());
      group.writeAndFlush('x');
    },
  ),
  'codec of a group, decode': clustered(
    () => ({}),
    async (nodes, a, b, decode) => {
      const codec = { encode: (text: string) => Buffer.from(text), decode } as never;
      const [one, other] = [a, b].map((cluster) => cluster.group<string>('room', { codec }));
      const channel = nodes.channel();
      other!.add(channel);
      await nodes.pass(100);
      one!.writeAndFlush('x');
      await nodes.pass(100);
      expect(sent(channel)).toEqual([]);
    },
  ),
  'a listener of a cluster': clustered(
    () => ({}),
    async (nodes, a, b, listener) => {
      a.on('nodeLeft', listener);
      void b.leave();
      await nodes.pass(5000);
    },
  ),
});
