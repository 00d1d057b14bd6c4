// The servers' configurations in the guide: nodes can do everything with them, and others nothing.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '@headrace/bus';
import { natsBus } from '@headrace/bus/nats';
import { redisBus } from '@headrace/bus/redis';
import { Cluster } from '@headrace/cluster';
import { commandsOf } from '@headrace/cluster/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { durableGroup, stateGroup } from '@headrace/durable';
import { statesOf } from '@headrace/store';
import { connect } from '@nats-io/transport-node';
import { createClient } from '@redis/client';
import { describe, expect, it } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';

const GUIDE = new URL('../../../../docs/guides/securing-the-bus.md', import.meta.url);
const WITHIN = { timeout: 20_000 };

/** A configuration of the guide, in a file. */
function configured(name: string): { file: string; end(): void } {
  const [, text] = new RegExp(`# ${name}\n([^\`]+)`).exec(readFileSync(GUIDE, 'utf8'))!;
  const folder = mkdtempSync(join(tmpdir(), 'headrace-permissions-'));
  const file = join(folder, name);
  writeFileSync(file, text!);
  return { file, end: () => rmSync(folder, { recursive: true }) };
}

/** The subjects in the table of the guide, and whether a run without gateways uses them. */
function rowsOfGuide(): readonly {
  readonly is: RegExp;
  readonly isUsed: boolean;
  readonly row: string;
}[] {
  const rows = readFileSync(GUIDE, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `hr.'));
  return rows.map((row) => {
    const [, cell = '', carries = '', publishes = ''] = row.split('|').map((each) => each.trim());
    const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) =>
      name!.replaceAll('.', '\\.').replaceAll(/<\w+>/g, '[\\w=-]+'),
    );
    const isUsed = !carries.includes('gateway') && publishes !== 'the store';
    return { is: new RegExp(`^(${names.join('|')})$`), isUsed, row };
  });
}

/** Every subject of a run is in the table, and the table has no other. */
function compareWithGuide(subjects: ReadonlySet<string>): void {
  const rows = rowsOfGuide();
  expect([...subjects].filter((one) => !rows.some(({ is }) => is.test(one)))).toEqual([]);
  const unused = rows.filter(
    ({ is, isUsed }) => isUsed && ![...subjects].some((one) => is.test(one)),
  );
  expect(unused.map(({ row }) => row)).toEqual([]);
}

/** Two nodes with everything that a cluster has. */
async function doesEverything(bus: () => Bus): Promise<void> {
  const lines: string[] = [];
  const logger = { log: (_level: string, line: string) => void lines.push(line) };
  const buses = [bus(), bus()];
  const join = (over: Bus) => Cluster.join<string>({ app: 'chat', bus: over, logger });
  const [one, two] = [await join(buses[0]!), await join(buses[1]!)];
  try {
    await expect.poll(() => one.nodes.length, WITHIN).toBe(2);
    const member = new EmbeddedChannel();
    const [here, there] = [one, two].map((cluster) => cluster.group<string>('room'));
    there!.add(member);
    const options = { format: (text: string) => `durable ${text}` };
    const [stored, kept] = [one, two].map((cluster) =>
      durableGroup<string>(cluster, 'kept', options),
    );
    kept!.add(member);
    await two.users.bind('ann', member);
    await expect.poll(() => one.users.isOnline('ann'), WITHIN).toBe(true);
    await expect.poll(() => here!.total, WITHIN).toBe(1);
    here!.writeAndFlush('hello');
    // As the nodes of a namespace of Socket.IO do.
    const [asking, serving] = [one, two].map((cluster) =>
      commandsOf(cluster as Cluster<never>, 'socket.io /'),
    );
    serving!.serve(() => 'clients');
    await expect
      .poll(async () => {
        const { answers } = await asking!.send(undefined, {}, 1000);
        return answers.get(two.nodeId)?.value;
      }, WITHIN)
      .toBe('clients');
    one.users.send('ann', 'to you');
    await stored!.writeAndFlush('for good');
    // The member does not understand it. Its node has the question.
    const answers = here!.request(Buffer.from('version?'), { timeoutMs: 1000 });
    for await (const { node } of answers) expect(node).toBe(two!.nodeId);
    if (statesOf(buses[0]!) !== undefined) {
      const [state, same] = [one, two].map((cluster) => stateGroup<number>(cluster, 'state'));
      await state!.set('a', 1);
      await state!.set('b', 1);
      expect(await same!.delete('a')).toBe(true);
      expect([...(await same!.entries()).keys()]).toEqual(['b']);
      await same!.delete('b');
    }
    const heard: unknown[] = [];
    await expect
      .poll(() => {
        for (let text = member.readOutbound(); text !== undefined; text = member.readOutbound()) {
          heard.push(String(text));
        }
        return heard.toSorted();
      }, WITHIN)
      .toEqual(['durable for good', 'hello', 'to you']);
    expect(lines.filter((line) => /denied|permission|NOPERM/i.test(line))).toEqual([]);
  } finally {
    await one.leave();
    await two.leave();
  }
}

const noNats = missing(NATS_SERVER);
const noRedis = missing(REDIS_SERVER);

describe('with the permissions of the guide', () => {
  it.runIf(noNats === '')(
    `a cluster on NATS works, and others publish nothing${noNats}`,
    async () => {
      const { file, end } = configured('nats.conf');
      process.env['NODE_PASSWORD'] = 'n';
      process.env['WATCH_PASSWORD'] = 'w';
      const server = await BusServer.start(NATS_SERVER, '-c', file);
      const servers = `nats://127.0.0.1:${server.port}`;
      try {
        const all = await connect({ servers, user: 'node', pass: 'n' });
        const used = new Set<string>();
        all.subscribe('hr.pchat.>', { callback: (_error, { subject }) => void used.add(subject) });
        await all.flush();
        await doesEverything(() => natsBus({ servers, user: 'node', pass: 'n' }));
        await all.close();
        compareWithGuide(used);
        const watch = await connect({ servers, user: 'watch', pass: 'w' });
        const node = await connect({ servers, user: 'node', pass: 'n' });
        const heard: string[] = [];
        node.subscribe('hr.pchat.>', {
          callback: (_error, { subject }) => void heard.push(subject),
        });
        await node.flush();
        watch.publish('hr.pchat.nodes', 'forged');
        await watch.flush();
        node.publish('hr.pchat.n.x', 'real');
        await node.flush();
        await expect.poll(() => heard, WITHIN).toContain('hr.pchat.n.x');
        expect(heard).not.toContain('hr.pchat.nodes');
        await watch.close();
        await node.close();
      } finally {
        await server.end();
        end();
        delete process.env['NODE_PASSWORD'];
        delete process.env['WATCH_PASSWORD'];
      }
    },
  );

  it.runIf(noRedis === '')(
    `a cluster on Redis works, and others publish nothing${noRedis}`,
    async () => {
      const { file, end } = configured('users.acl');
      const server = await BusServer.start(REDIS_SERVER, '--aclfile', file);
      const url = `redis://127.0.0.1:${server.port}`;
      try {
        await doesEverything(() => redisBus({ url, username: 'node', password: 'change-me' }));
        const watch = createClient({ url, username: 'watch', password: 'look-only' });
        await watch.connect();
        await expect(watch.sendCommand(['PUBLISH', 'hr.pchat.nodes', 'forged'])).rejects.toThrow(
          'NOPERM',
        );
        watch.destroy();
        const other = createClient({ url, username: 'node', password: 'change-me' });
        await other.connect();
        await expect(other.sendCommand(['GET', 'session:1'])).rejects.toThrow('NOPERM');
        await expect(other.sendCommand(['PUBLISH', 'hr.pother.nodes', ''])).rejects.toThrow(
          'NOPERM',
        );
        other.destroy();
      } finally {
        await server.end();
        end();
      }
    },
  );
});
