// A state group on two nodes over each real server that has a store for states.
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { DURABLE_ERRORS, type StateMessage, stateGroup } from '@headrace/durable';
import { expect, it, onTestFinished } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { sent } from '../nodes.ts';
import { busOf } from './bus-choice.ts';

/** For what hangs only. */
const LIMIT_MS = 30_000;
const SERVERS = { nats: NATS_SERVER, redis: REDIS_SERVER };

for (const kind of ['nats', 'redis'] as const) {
  const absent = missing(SERVERS[kind]);

  it.runIf(absent === '')(
    `two nodes over a real ${kind}-server have one state${absent}`,
    async () => {
      const server = await BusServer.start(SERVERS[kind]);
      onTestFinished(() => server.end());
      const [one, two] = await Promise.all(
        [1, 2].map(async () => {
          const choice = { kind, port: server.port };
          const bus = busOf(choice, { connectTimeoutMs: LIMIT_MS, unheardMs: LIMIT_MS });
          const options = { app: 'smoke', bus, logger: silentLogger, joinTimeoutMs: LIMIT_MS };
          const cluster = await Cluster.join(options);
          onTestFinished(() => cluster.leave());
          return stateGroup<number>(cluster, 'state', { maxKeys: 3 });
        }),
      );
      const { offset } = await one!.set('a', 1);
      await one!.set('b', 1);
      const member = new EmbeddedChannel();
      const got: StateMessage<number>[] = [];
      const words = () => {
        got.push(...(sent(member) as StateMessage<number>[]));
        return got.map((message) =>
          message.type === 'set' ? `${message.key}=${message.value}` : message.type,
        );
      };
      await two!.join(member);
      await two!.set('a', 2, { version: offset });
      await expect(one!.set('a', 3, { version: offset })).rejects.toMatchObject({
        code: DURABLE_ERRORS.STATE_CONFLICT.code,
      });
      expect(await one!.delete('b')).toBe(true);
      expect(await one!.update('c', (value = 4) => value + 1)).toMatchObject({ value: 5 });
      await one!.set('d', 1);
      await expect(one!.set('e', 1)).rejects.toMatchObject({
        code: DURABLE_ERRORS.STATE_KEYS_FULL.code,
      });
      const all = ['begin', 'a=1', 'b=1', 'ready', 'a=2', 'delete', 'c=5', 'd=1'];
      await expect.poll(words).toEqual(all);
      expect([...(await one!.entries()).keys()]).toEqual(['a', 'c', 'd']);
    },
  );
}
