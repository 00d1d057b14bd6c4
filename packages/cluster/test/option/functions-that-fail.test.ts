import { setImmediate as turn } from 'node:timers/promises';
import { type Cluster, type ClusterOptions, routeServer } from '@headrace/cluster';
import { durableGroup } from '@headrace/cluster/durable';
import { Gateway, Worker } from '@headrace/cluster/gateway';
import { ChannelMatchers, type Logger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, vi } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
} from '../../../core/test/fixture/function-options.ts';
import { workersPlan } from '../../src/workers/worker-options.ts';
import { WorkerProcess } from '../../src/workers/worker-process.ts';
import { Workers } from '../../src/workers/workers.ts';
import { WorkersMachine } from '../../src/workers/workers-machine.ts';
import { Nodes, sent } from '../nodes.ts';

function loggerOf(errors: string[]): Logger {
  return { log: (_level, text, error) => void errors.push(`${text} ${error?.message}`) };
}

/** Two nodes, to which something happens; both leave. */
function clustered(
  options: (fails: Failing) => Partial<ClusterOptions<string>>,
  act: (nodes: Nodes, a: Cluster<string>, b: Cluster<string>, fails: Failing) => unknown = () => {},
): Attempt {
  return async (fails, errors) => {
    const nodes = new Nodes();
    const logger = loggerOf(errors);
    const both: Cluster<string>[] = [];
    try {
      both.push(await nodes.join<string>({ logger, ...options(fails) }));
      both.push(await nodes.join<string>({ logger, roles: ['worker'] }));
      await nodes.pass(3000);
      await act(nodes, both[0]!, both[1]!, fails);
    } catch (error) {
      errors.push((error as Error).message);
    }
    await nodes.pass(5000);
    let left = 0;
    for (const cluster of both) {
      void cluster.leave().then(() => {
        left += 1;
      });
    }
    await nodes.pass(20_000);
    expect(left).toBe(both.length);
  };
}

/** A gateway on the first node and a worker on the second; a client comes, writes and leaves, and another is served. */
function gatewayed(
  parts: (fails: Failing) => { readonly gateway?: object; readonly worker?: object },
): Attempt {
  return clustered(
    () => ({}),
    async (nodes, a, b, fails) => {
      const { gateway = {}, worker = {} } = parts(fails);
      const held = new Gateway<string>({ cluster: a, ...gateway });
      new Worker<string>({ cluster: b, onMessage: () => {}, ...worker });
      await nodes.pass(2000);
      for (const text of ['one', 'two']) {
        const channel = EmbeddedChannel.with(
          { clock: nodes.clock, logger: a['context'].wire.host.logger },
          held.handler(),
        );
        channel.writeInbound(text);
        await nodes.pass(50);
        channel.abort();
        channel.checkException();
        await nodes.pass(50);
      }
      held.close();
    },
  );
}

/** A durable group with two members on two nodes. */
function durable(options: (fails: Failing) => object): Attempt {
  return clustered(
    () => ({}),
    async (nodes, a, b, fails) => {
      const channel = nodes.channel();
      const rooms = [a, b].map((cluster) => durableGroup<string>(cluster, 'room', options(fails)));
      rooms[1]!.add(channel);
      await nodes.pass(100);
      rooms[0]!.write('one').then(
        () => {},
        () => {},
      );
      await nodes.pass(1000);
      channel.abort();
    },
  );
}

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
  'Gateway attributes': gatewayed((attributes) => ({ gateway: { attributes } })),
  'Worker onConnect': gatewayed((onConnect) => ({ worker: { onConnect } })),
  'Worker onMessage': gatewayed((onMessage) => ({ worker: { onMessage } })),
  'Worker onClose': gatewayed((onClose) => ({ worker: { onClose } })),
  'join answer': clustered(
    () => ({}),
    async (nodes, a, _b, answer) => {
      const { history } = durableGroup<string>(a, 'room');
      const joining = history.join(nodes.channel(), undefined, { answer });
      joining.catch(() => {});
      await nodes.pass(100);
      await joining;
    },
  ),
  'durableGroup format': durable((format) => ({ format })),
  'durableGroup messageId': durable((messageId) => ({ messageId, format: (text: string) => text })),
  'group idOf': clustered(
    () => ({}),
    (nodes, a, _b, idOf) => {
      a.group('room', { idOf, presence: 'ids' }).add(nodes.channel());
    },
  ),
  'routeServer random': async (random) => {
    const node = (port: number) =>
      ({
        id: String(port),
        address: { host: '10.0.0.1', port },
        connections: 1,
        state: 'ready',
        life: 'alive',
        load: 0,
        roles: [],
      }) as const;
    const route = await routeServer({
      cluster: { nodes: [node(1), node(2)] },
      random,
      host: '127.0.0.1',
      port: 0,
    });
    const answer = await fetch(`http://127.0.0.1:${route.port}/route`);
    expect(answer.status).toBe(200);
    await answer.text();
    await route.close();
  },
  'runWorkers retry': (retry, errors) => {
    const machine = new WorkersMachine({
      count: 1,
      drainTimeoutMs: 1000,
      startTimeoutMs: 5000,
      maxSurge: 1,
      stableMs: 2000,
      retry: workersPlan({ start: () => ({ drain() {} }), retry }).retry,
      random: () => 0.5,
    });
    const [fork] = machine.start();
    const { id } = (fork as { worker: { id: number } }).worker;
    machine.ready(id, null, 0);
    const ended = machine.ended(id, { code: 1, signal: null }, 0);
    errors.push(...ended.map((action) => String((action as { error?: Error }).error)));
  },
  'runWorkers start': async (start, errors) => {
    const worker = new WorkerProcess(workersPlan({ start, logger: loggerOf(errors) }));
    worker['report'] = (message: unknown) => void errors.push(JSON.stringify(message));
    // The primary ends a process that does not come up; the machine of the workers has the time.
    void worker['start']();
    await turn();
  },
  'runWorkers onEnd': async (onEnd, errors) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
    const logger = loggerOf(errors);
    const plan = workersPlan({ start: () => ({ drain() {} }), onEnd, drainTimeoutMs: 1, logger });
    void new Workers(plan)['finish'](undefined);
    await expect.poll(() => exit).toHaveBeenCalledWith(0);
    exit.mockRestore();
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
