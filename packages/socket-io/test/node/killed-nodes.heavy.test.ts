// Three real server processes over a real NATS or Redis, killed or stopped one after the other: clients get each event once.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { KilledNodes, NotedClient } from '../fixture/killed-nodes.ts';

const CLIENTS = 30;
const REPLACED = 5;
const BETWEEN_MS = 700;
const LIMIT_MS = 300_000;

describe.each([
  ['nats', NATS_SERVER],
  ['redis', REDIS_SERVER],
] as const)('clients of processes over %s', (kind, program) => {
  const absent = missing(program);
  it.runIf(absent === '').each(['SIGKILL', 'SIGTERM'] as const)(
    `lose and double nothing at %s${absent}`,
    async (signal) => {
      const server = await BusServer.start(program);
      const nodes = new KilledNodes(kind, server.port);
      const clients: NotedClient[] = [];
      try {
        await nodes.start(3);
        for (let i = 0; i < CLIENTS; i++) clients.push(new NotedClient(nodes.url, `${i}`));
        await Promise.all(clients.map((client) => client.ask('join', 'all')));
        let sent = 0;
        const { client: speaker } = new NotedClient(nodes.url, 'speaker');
        const speaking = setInterval(() => {
          // What the speaker sends while it is away is sent later, and what is on its way to a killed process is lost.
          if (speaker.connected) speaker.emit('say', 'all', ++sent);
        }, 5);
        let hit = 0;
        for (let i = 0; i < REPLACED; i++) {
          await delay(BETWEEN_MS);
          hit += await nodes.replace(signal);
        }
        clearInterval(speaking);
        speaker.disconnect();
        await delay(2000);
        await expect
          .poll(() => clients.every(({ client }) => client.connected), { timeout: 20_000 })
          .toBe(true);
        // The last word reaches all, behind everything else.
        await clients[0]!.ask('join', 'all');
        clients[0]!.client.emit('say', 'all', -1);
        await expect
          .poll(() => clients.filter(({ got }) => got.at(-1) !== -1).length, { timeout: 20_000 })
          .toBe(0);
        const [first, ...others] = clients;
        expect(others.filter(({ got }) => String(got) !== String(first!.got)).length).toBe(0);
        expect(new Set(first!.got).size).toBe(first!.got.length);
        expect(clients.map(({ renewed }) => renewed).filter((count) => count > 0)).toEqual([]);
        const recovered = clients.reduce((sum, client) => sum + client.recovered, 0);
        expect(recovered).toBeGreaterThan(CLIENTS);
        expect(hit).toBeGreaterThan(CLIENTS);
        const answers = clients.map((client) => client.ask<string[]>('who'));
        expect(await Promise.all(answers)).toEqual(clients.map((_, i) => [`${i}`, 'all']));
      } finally {
        for (const { client } of clients) client.disconnect();
        await nodes.end();
        await server.end();
      }
    },
    LIMIT_MS,
  );
});
