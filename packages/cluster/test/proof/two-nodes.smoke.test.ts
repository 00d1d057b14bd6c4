// Two nodes over each real server, from the first meeting to the end of one of them.
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { type BusChoice, busOf } from './bus-choice.ts';
import { memberChannel } from './checked-members.ts';

/** For what hangs only: with the usual ones a node of a busy machine begins without its bus, or gives it up. */
const LIMIT_MS = 30_000;
const PATIENT = { connectTimeoutMs: LIMIT_MS, unheardMs: LIMIT_MS };
const SERVERS = { nats: NATS_SERVER, redis: REDIS_SERVER };

let server: BusServer | undefined;
let clusters: Cluster[] = [];

afterEach(async () => {
  await Promise.all(clusters.map((cluster) => cluster.leave()));
  clusters = [];
  await server?.end();
  server = undefined;
});

/** A node with one member in its room, what the member got, and who came and went. */
async function join(choice: BusChoice, id: string) {
  const bus = busOf(choice, PATIENT);
  const options = { app: 'smoke', bus, logger: silentLogger, joinTimeoutMs: LIMIT_MS };
  const cluster = await Cluster.join(options);
  clusters.push(cluster);
  expect(cluster.state, `the bus of ${id}`).toBe('up');
  const room = cluster.group<string>('room', { presence: 'ids', idOf: () => id });
  const [heard, moves]: [unknown[], string[]] = [[], []];
  room.on('memberJoined', (member) => moves.push(`${member.id} joined`));
  room.on('memberLeft', (member) => moves.push(`${member.id} left`));
  const member = await memberChannel((message) => heard.push(message));
  room.add(member);
  await bus.settled();
  const who = () => [...room.who()].map((one) => one.id).sort();
  return { cluster, room, heard, moves, member, who };
}

for (const kind of ['nats', 'redis'] as const) {
  const absent = missing(SERVERS[kind]);

  describe.runIf(absent === '')(`two nodes over a real ${kind}-server${absent}`, () => {
    it("see the members, get each other's messages, and one goes on when the other leaves", async () => {
      server = await BusServer.start(SERVERS[kind]);
      const bus = { kind, port: server.port };
      const [one, two] = [await join(bus, 'ann'), await join(bus, 'bob')];
      for (const { who } of [one, two]) await expect.poll(who).toEqual(['ann', 'bob']);

      one.room.writeAndFlush('from one');
      await expect.poll(() => two.heard).toEqual(['from one']);
      two.room.writeAndFlush('from two');
      for (const { heard } of [one, two]) {
        await expect.poll(() => heard).toEqual(['from one', 'from two']);
      }

      await two.cluster.leave();
      await expect.poll(one.who).toEqual(['ann']);
      expect([one.moves.includes('bob joined'), one.moves.at(-1)]).toEqual([true, 'bob left']);
      await expect.poll(() => one.cluster.nodes.length).toBe(1);
      one.room.writeAndFlush('alone');
      await expect.poll(() => one.heard.at(-1)).toBe('alone');
    });
  });
}
