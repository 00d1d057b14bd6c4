// The table of benchmarks/README.md about the bus, beside what eight nodes put on it.
import type { ClusterGroupOptions } from '@headrace/cluster';
import type { Channel } from '@headrace/core';
import { afterAll, describe, expect, it } from 'vitest';
import { formulaValue, pages, tableOf } from './capacity-page.ts';
import { type Count, cluster } from './counting-hub.ts';

const NODES = 8;
const MESSAGE = 'x'.repeat(100);
/** Users share 256 rows: the page says up to how much less they take. */
const SHARED = 0.85;
const table = tableOf('bus');
const told = new Set<string>();

/** What the page says of an event. */
function said(event: string, symbols: Readonly<Record<string, number>>): Count {
  told.add(event);
  const row = table.get(event) ?? [];
  const [messages, copies, bytes] = row.map((cell) =>
    formulaValue(cell, { N: NODES, r: 8, i: 8, m: MESSAGE.length, ...symbols }),
  ) as [number, number, number];
  return { messages, copies, bytes: messages * bytes };
}

function expectAtMost(bytes: number, most: number): void {
  expect(bytes).toBeLessThanOrEqual(most);
  expect(bytes).toBeGreaterThan(most * SHARED);
}

const numbered = (word: string, number: number) => `${word}${String(number).padStart(4, '0')}`;

/** Eight nodes, as many groups and users of one of them as the size says, and what an act puts on the bus. */
async function world(size: number) {
  const { nodes, hub, all } = await cluster(NODES);
  const channels = Array.from({ length: size }, () => nodes.channel());
  const during = async (act: () => unknown, ms = 300): Promise<Count> => {
    hub.reset();
    act();
    await nodes.pass(ms);
    return hub.ofEvents();
  };
  return { nodes, all, channels, during };
}

afterAll(() => expect([...told].sort()).toEqual([...table.keys()].sort()));

it('the example of a million computes with the figures of the table about memory', () => {
  const figures = /const bytes = \{\n(.*?)\};/s.exec(pages)?.[1] ?? '';
  const used = [...figures.matchAll(/'(.*)': ([\d_]+),/g)].map(([, name, value]) => [name, value]);
  const memory = tableOf('memory');
  expect(used).not.toEqual([]);
  const numberOf = (text: string | undefined) => Number(text?.replaceAll(/[,_]/g, ''));
  for (const [name, value] of used) {
    expect([name, numberOf(value)]).toEqual([name, numberOf(memory.get(name!)?.[0])]);
  }
});

it('at rest: heartbeats, and what each node sends itself', async () => {
  const address = { host: '10.0.0.12', port: 4001 };
  const figures = { connections: () => 62_500, load: () => 0.42 };
  const { nodes, hub } = await cluster(NODES, { ...figures, address });
  hub.reset();
  await nodes.pass(1000);
  // 62500, 0.42, and two that are 0.
  const digits = 5 + 4 + 1 + 1;
  const symbols = { d: digits, a: '10.0.0.12'.length + '4001'.length };
  expect(hub.of('nodes')).toEqual(said('a second: heartbeats', symbols));
  expect(hub.of('b')).toEqual(said('a second: each node to itself', symbols));
});

describe.each([1, 100])('eight nodes, %i at a time', (size) => {
  it.each(['count', 'ids'] as const)('joins and leaves with %s', async (presence) => {
    const { all, channels, during } = await world(size);
    const ids = new Map<Channel, string>(channels.map((one, i) => [one, numbered('mate', i)]));
    const given: ClusterGroupOptions<unknown> =
      presence === 'count' ? {} : { presence, idOf: (channel) => ids.get(channel) };
    const groups = channels.map((_, i) => all[0]!.group(numbered('room', i), given));
    const symbols = { g: size };
    const joins = await during(() => {
      for (const [i, group] of groups.entries()) group.add(channels[i]!);
    });
    expect(joins).toEqual(said(`join, \`'${presence}'\``, symbols));
    expect(await during(() => {}, 10_000)).toEqual(said('a second: presence at rest', symbols));
    const leaves = await during(() => {
      for (const [i, group] of groups.entries()) group.remove(channels[i]!);
    });
    expect(leaves).toEqual(said(`leave, \`'${presence}'\``, symbols));
  });

  it('publishing', async () => {
    const { nodes, all, during } = await world(size);
    const rooms = all.map((one) => one.group<string>('lobby'));
    for (const room of rooms.slice(0, 3)) room.add(nodes.channel());
    await nodes.pass(1000);
    const { messages, copies, bytes } = said('publish', { n: 3 });
    const counted = await during(() => {
      for (let i = 0; i < size; i += 1) rooms[5]!.writeAndFlush(MESSAGE);
    });
    expect(counted).toEqual({
      messages: size * messages,
      copies: size * copies,
      bytes: size * bytes,
    });
  });

  it('users who come and go in one turn', async () => {
    const { all, channels, during } = await world(size);
    const { users } = all[0]!;
    const bind = () => channels.map((channel, i) => users.bind(numbered('user', i), channel));
    const unbind = () => channels.map((channel, i) => users.unbind(numbered('user', i), channel));
    for (const [event, act] of [
      ['a user comes', bind],
      ['a user goes', unbind],
    ] as const) {
      const { bytes, ...counted } = await during(act);
      const { bytes: most, ...wanted } = said(event, { u: size });
      expect(counted).toEqual(wanted);
      expectAtMost(bytes, most);
    }
  });
});

it('messages to a user of two nodes', async () => {
  const { nodes, all, during } = await world(0);
  const [first, second, sender] = all.map(({ users }) => users);
  first!.bind('user0001', nodes.channel());
  await nodes.pass(1000);
  const comes = said('a user comes', { u: 1 });
  const besides = said('a user comes whom another node has, besides', {});
  const { bytes, ...counted } = await during(() => second!.bind('user0001', nodes.channel()));
  expect(counted).toEqual({
    messages: comes.messages + besides.messages,
    copies: comes.copies + besides.copies,
  });
  expectAtMost(bytes, comes.bytes + besides.bytes);
  const send = said('send', { h: 2 });
  expect(await during(() => sender!.send('user0001', MESSAGE))).toEqual(send);
  const answers = said('deliver: as send, and answers', { h: 2, q: 1 });
  const delivered = await during(() => void sender!.deliver('user0001', MESSAGE));
  expect(delivered).toEqual({
    messages: send.messages + answers.messages,
    copies: send.copies + answers.copies,
    bytes: send.bytes + answers.bytes,
  });
});
