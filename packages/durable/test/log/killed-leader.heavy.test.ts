// Members of a durable group over three servers of NATS: they keep up with the writers when a server is killed.
import { setTimeout as delay } from 'node:timers/promises';
import { natsBus } from '@headrace/bus/nats';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { durableGroup } from '@headrace/durable';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { NatsCluster } from '../../../store/test/fixture/nats-cluster.ts';

const absent = missing(NATS_SERVER);
const KILLS = 4;
const PAUSE_MS = 5;
const MAX_WAIT_MS = 20_000;

describe.runIf(absent === '')(`a durable group over three nats-servers${absent}`, () => {
  it('its members have what was written, within seconds of the kill of a server, while others go on writing', async () => {
    const nats = await NatsCluster.start();
    onTestFinished(() => nats.end());
    // Each node knows one server by its options, and the others from this one.
    const joining = nats.ports.map((port) => {
      const bus = natsBus({ servers: `nats://127.0.0.1:${port}`, replicas: 3 });
      return Cluster.join({ app: 'app', bus, logger: silentLogger });
    });
    const clusters = await Promise.all(joining);
    onTestFinished(async () => void (await Promise.all(clusters.map((one) => one.leave()))));
    const groups = clusters.map((cluster) => durableGroup<string>(cluster, 'room'));
    const members = groups.map(() => new EmbeddedChannel());
    for (const [i, group] of groups.entries()) await group.history.join(members[i]!);
    const seen = members.map(() => new Set<string>());
    const read = (): void => {
      for (const [i, member] of members.entries()) {
        for (;;) {
          const text = member.readOutbound<string>();
          if (text === undefined) break;
          expect(seen[i]!.has(text)).toBe(false);
          seen[i]!.add(text);
        }
      }
    };
    const stored: string[] = [];
    let isOver = false;
    const writing = groups.map(async (group, i) => {
      for (let n = 0; !isOver; n += 1) {
        const text = `${i} ${n}`;
        const isStored = await group.write(text, { id: text }).stored.then(
          () => true,
          () => false,
        );
        if (isStored) stored.push(text);
        else n -= 1;
        await delay(PAUSE_MS);
      }
    });
    for (let kills = 0; kills < KILLS; kills += 1) {
      await delay(1500);
      await nats.killLeaderOf('hr_papp');
      await delay(3000);
      const wanted = [...stored];
      const begunAt = performance.now();
      for (;;) {
        read();
        const behind = seen.map((has) => wanted.filter((text) => !has.has(text)).length);
        if (behind.every((count) => count === 0)) break;
        expect(performance.now() - begunAt, `behind by ${behind}`).toBeLessThan(MAX_WAIT_MS);
        await delay(100);
      }
      await nats.startKilled();
    }
    isOver = true;
    await Promise.all(writing);
  }, 240_000);
});
