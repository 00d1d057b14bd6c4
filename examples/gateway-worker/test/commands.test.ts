// What clients type, on virtual time: two gateways, a worker, and a bus in memory.

import { MemoryHub, memoryBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { EmbeddedChannel, passTime, settle, VirtualClock } from '@headrace/core/testing';
import { connectionsOf, Gateway, Worker } from '@headrace/gateway';
import { describe, expect, it } from 'vitest';
import { Commands, MAX_KEYS, MAX_ROOMS, MAX_VALUE } from '../src/commands.ts';

const ANN = '0000000a';
const BOB = '0000000b';

/** Ann is at one gateway, Bob at the other. */
async function world() {
  const clock = new VirtualClock();
  const hub = new MemoryHub();
  const join = async (roles: string[]) => {
    const bus = memoryBus({ hub });
    const joining = Cluster.join({ app: 'test', bus, clock, logger: silentLogger, roles });
    await passTime(clock, 50);
    return await joining;
  };
  const back = await join(['worker']);
  const fronts = [await join(['gateway']), await join(['gateway'])];
  const commands = new Commands(connectionsOf(back));
  new Worker<string>({
    cluster: back,
    onConnect: ({ id, attributes }) => commands.enter({ id, client: String(attributes['client']) }),
    onMessage: async (connection, line) => {
      const client = String(connection.attributes['client']);
      connection.write((await commands.run({ id: connection.id, client }, line)) ?? '(none)');
    },
  });
  await passTime(clock, 3000);
  const channels = fronts.map((cluster, i) => {
    const gateway = new Gateway<string>({
      cluster,
      attributes: () => ({ client: [ANN, BOB][i]! }),
    });
    return EmbeddedChannel.with({ clock }, gateway.handler());
  });
  await passTime(clock, 3000);
  const [ann, bob] = channels as [EmbeddedChannel, EmbeddedChannel];
  const heard = (channel: EmbeddedChannel): unknown[] => {
    const all: unknown[] = [];
    for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound()) {
      if (one !== '(none)') all.push(one);
    }
    return all;
  };
  /** What the one who types the lines hears. */
  const types = async (channel: EmbeddedChannel, ...lines: string[]): Promise<unknown[]> => {
    for (const line of lines) channel.writeInbound(line);
    await settle(clock);
    await passTime(clock, 100 * lines.length);
    return heard(channel);
  };
  return { ann, bob, heard, types };
}

describe('commands', () => {
  it('join, leave, list and address rooms across gateways', async () => {
    const { ann, bob, heard, types } = await world();
    expect(await types(ann, '/join lobby')).toEqual(['joined lobby 1']);
    expect(await types(bob, '/join lobby', '/join lobby')).toEqual([
      'joined lobby 2',
      'joined lobby 2',
    ]);
    const [who] = await types(ann, '/who lobby');
    expect(String(who).split(' ').sort()).toEqual([ANN, BOB, '2:', 'lobby'].sort());
    expect(await types(ann, '/say lobby two  words')).toEqual([`lobby ${ANN}: two  words`]);
    expect(heard(bob)).toEqual([`lobby ${ANN}: two  words`]);
    expect(await types(bob, '/leave lobby', '/who lobby')).toEqual([
      'left lobby',
      `lobby 1: ${ANN}`,
    ]);
    expect(await types(bob, '/who empty', '/say empty hi')).toEqual([
      'empty 0:',
      'error: nobody is in empty',
    ]);
  });

  it('bind a connection to one user, and address it', async () => {
    const { ann, bob, heard, types } = await world();
    expect(await types(bob, '/bind u1', '/bind u2')).toEqual(['bound u1', 'bound u2']);
    expect(await types(ann, '/to u1 hi', '/to u2 hi')).toEqual(['sent 0', 'sent 1']);
    expect(heard(bob)).toEqual([`${ANN} to u2: hi`]);
    expect(await types(ann, '/bind u2')).toEqual(['bound u2']);
    expect(await types(ann, '/to u2 both')).toEqual([`${ANN} to u2: both`, 'sent 2']);
    expect(heard(bob)).toEqual([`${ANN} to u2: both`]);
  });

  it('keep a session that others read', async () => {
    const { ann, bob, types } = await world();
    expect(await types(ann, '/set color dark  red', '/set __proto__ x')).toEqual([
      'set color',
      'set __proto__',
    ]);
    expect(await types(bob, `/get ${ANN} color`, `/get ${ANN} __proto__`)).toEqual([
      `${ANN} color: dark  red`,
      `${ANN} __proto__: x`,
    ]);
    expect(await types(bob, `/get ${ANN} size`, `/get ${ANN} constructor`)).toEqual([
      `error: ${ANN} has not set size`,
      `error: ${ANN} has not set constructor`,
    ]);
  });

  it('close another connection after a last line', async () => {
    const { ann, bob, heard, types } = await world();
    expect(await types(ann, `/kick ${BOB} good night`)).toEqual([`kicked ${BOB}`]);
    expect(heard(bob)).toEqual(['good night']);
    expect(await types(ann, `/kick ${BOB} again`, `/get ${BOB} color`)).toEqual([
      `error: no connection has the id ${BOB}`,
      `error: no connection has the id ${BOB}`,
    ]);
    expect(bob.isActive && !bob.isEnding).toBe(false);
  });

  it.each<[string, string]>([
    ['/nothing', 'error: there is no command /nothing, there are /join /leave /say /who'],
    ['/constructor x', 'error: there is no command /constructor'],
    ['/', 'error: there is no command /,'],
    ['/join', 'error: /join needs ROOM'],
    ['/join  ', 'error: /join needs ROOM'],
    ['/say lobby', 'error: /say needs ROOM TEXT'],
    ['/set color', 'error: /set needs KEY VALUE'],
    ['/kick x', 'error: /kick needs ID TEXT'],
    ['/join two words', 'error: ROOM has 1 to 32 letters, digits, "-", "_" and "."'],
    [`/bind ${'x'.repeat(33)}`, 'error: UID has 1 to 32 letters'],
    ['/get a:b color', 'error: no connection has the id a:b'],
    [`/set color ${'x'.repeat(MAX_VALUE + 1)}`, 'error: VALUE has 257 characters, at most 256'],
  ])('answer %.20s with what is wrong', async (line, answer) => {
    const { ann, types } = await world();
    const lines = await types(ann, line);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(answer);
  });

  it('limit the rooms and the keys of a connection', async () => {
    const { ann, types } = await world();
    for (let i = 0; i < MAX_ROOMS; i++) await types(ann, `/join r${i}`);
    for (let i = 0; i < MAX_KEYS; i++) await types(ann, `/set k${i} v`);
    expect(await types(ann, '/join more', '/join r0', '/leave r0', '/join more')).toEqual([
      'error: you are in 32 rooms, the most: /leave one first',
      'joined r0 1',
      'left r0',
      'joined more 1',
    ]);
    expect(await types(ann, '/set more v', '/set k0 w')).toEqual([
      'error: you have set 32 keys, the most',
      'set k0',
    ]);
  });
});
