// A state group over a real server that is killed: members of all nodes have what the store has at the end.
import { setTimeout as delay } from 'node:timers/promises';
import { natsBus } from '@headrace/bus/nats';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { DURABLE_ERRORS, type StateMessage, stateGroup } from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import { BusServer, missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';

const absent = missing(NATS_SERVER);

/** A member, and the state that it knows. */
class Member {
  readonly channel = new EmbeddedChannel();
  readonly state = new Map<string, number>();
  private version = 0;

  read(): Map<string, number> {
    for (;;) {
      const message = this.channel.readOutbound<StateMessage<number>>();
      if (message === undefined) return this.state;
      if (message.type === 'begin') {
        if (!message.recovered) this.state.clear();
        this.version = 0;
        continue;
      }
      if (message.type === 'ready') continue;
      expect(message.version).toBeGreaterThan(this.version);
      this.version = message.version;
      if (message.type === 'set') this.state.set(message.key, message.value);
      else this.state.delete(message.key);
    }
  }
}

describe.runIf(absent === '')(`a state group over a real nats-server${absent}`, () => {
  it('members have the state of the store after kills of the server, and no change is lost or made twice', async () => {
    const server = await BusServer.start(NATS_SERVER);
    const servers = `nats://127.0.0.1:${server.port}`;
    const join = () =>
      Cluster.join({ app: 'heavy', bus: natsBus({ servers }), logger: silentLogger });
    const clusters = [await join(), await join()];
    const groups = clusters.map((cluster) => stateGroup<number>(cluster, 'sums'));
    const members = [new Member(), new Member()];
    for (const [at, group] of groups.entries()) await group.join(members[at]!.channel);
    let isOver = false;
    let count = 0;
    const writing = groups.map(async (group, at) => {
      for (let i = 0; !isOver; i++) {
        await group.update('sum', (sum) => (sum ?? 0) + 1);
        count += 1;
        await group.set(`key ${at} ${i % 20}`, i);
        if (i % 7 === 0) await group.delete(`key ${at} ${i % 20}`);
        await delay(1);
      }
    });
    for (let kills = 0; kills < 3; kills++) {
      await delay(500);
      await server.kill();
      await server.start();
    }
    await delay(500);
    isOver = true;
    await Promise.all(writing);
    const late = new Member();
    await groups[0]!.join(late.channel);
    members.push(late);
    const entries = await groups[1]!.entries();
    const stored = Object.fromEntries([...entries].map(([key, { value }]) => [key, value]));
    expect(stored['sum']).toBe(count);
    for (const member of members) {
      await expect.poll(() => Object.fromEntries(member.read())).toEqual(stored);
    }
    for (const cluster of clusters) await cluster.leave();
    await server.end();
  });

  it('a stream that is full refuses values with an error that says so, and still removes keys', async () => {
    const server = await BusServer.start(NATS_SERVER);
    const bus = natsBus({ servers: `nats://127.0.0.1:${server.port}`, maxBytes: 100_000 });
    const cluster = await Cluster.join({ app: 'heavy', bus, logger: silentLogger });
    const group = stateGroup<string>(cluster, 'texts');
    const text = 'x'.repeat(1000);
    let stored = 0;
    let thrown: unknown;
    for (; thrown === undefined && stored < 200; stored += 1) {
      await group.set(`key ${stored}`, text).catch((error: unknown) => {
        thrown = error;
      });
    }
    expect(thrown).toMatchObject({
      code: DURABLE_ERRORS.STATE_BYTES_FULL.code,
      details: { group: 'texts', maxBytes: 100_000 },
    });
    const { size } = await group.entries();
    expect(size).toBe(stored - 1);
    for (let i = 0; i < size; i += 1) await group.delete(`key ${i}`);
    expect((await group.entries()).size).toBe(0);
    await cluster.leave();
    await server.end();
  });
});
