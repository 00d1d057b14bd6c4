import { Buffer } from 'node:buffer';
import { LiveState } from '@headrace/client';
import { handler } from '@headrace/core';
import {
  type StateGroup,
  type StateGroupOptions,
  type StateMessage,
  type StateRow,
  stateGroup,
} from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import { type Member, VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';
import { statesIn } from '../../../store/test/fixture/engines.ts';
import { words } from '../help/state-words.ts';

interface Unit {
  readonly x: number;
  readonly name?: string | null;
  readonly more?: object;
}

const LONG = 'a name that is much longer than a number';

/** A node with a group, a member that takes deltas, and one that does not. */
async function world(options: StateGroupOptions<Unit> = {}) {
  const nodes = new VirtualNodes();
  const group = stateGroup<Unit>(await nodes.join(), 'room', options);
  const of = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => {});
    await nodes.pass(60);
    return promise;
  };
  const [delta, plain] = [await nodes.member(), await nodes.member()];
  await of(group.set('a', { x: 1, name: LONG }));
  await of(group.join(delta.channel, undefined, { deltas: true }));
  await of(group.join(plain.channel));
  return { nodes, group, of, delta, plain };
}

describe('a member that takes deltas', () => {
  it('gets a patch to the value that it has, and others the whole value', async () => {
    const { group, of, delta, plain } = await world();
    await of(group.set('a', { x: 2, name: LONG }));
    await of(group.update('a', (unit) => ({ ...unit!, x: 3 })));
    await of(group.set('b', { x: 1, name: LONG }));
    const whole = JSON.stringify(LONG);
    expect(words(delta.got)).toEqual([
      'begin',
      `a={"x":1,"name":${whole}}@1`,
      'ready@1',
      'a+{"x":2}@2 from 1',
      'a+{"x":3}@3 from 2',
      `b={"x":1,"name":${whole}}@4`,
    ]);
    expect(words(plain.got).slice(3, 5)).toEqual([
      `a={"x":2,"name":${whole}}@2`,
      `a={"x":3,"name":${whole}}@3`,
    ]);
    expect(delta.got[3]).toEqual({
      ...{ type: 'patch', group: 'room', key: 'a' },
      ...{ patch: { x: 2 }, from: 1, version: 2 },
    });
  });

  it('gets the whole value if it is shorter, has no patch, or the key was removed', async () => {
    const { group, of, delta } = await world();
    await of(group.set('a', { x: 2, name: null }));
    await of(group.set('a', { x: 3 }));
    await of(group.set('a', { x: 4, name: null, more: { z: LONG } }));
    await of(group.set('a', { x: 5, name: null, more: { z: LONG } }));
    await of(group.delete('a'));
    await of(group.set('a', { x: 5, name: null, more: { z: LONG } }));
    // In UTF-8, the patch is longer.
    await of(group.set('b', { x: 1, name: LONG, more: { ['ключ'.repeat(5)]: 1 } }));
    await of(group.set('b', { x: 2, name: LONG, more: {} }));
    expect(words(delta.got).slice(3, 9)).toEqual([
      'a={"x":2,"name":null}@2',
      'a={"x":3}@3',
      `a={"x":4,"name":null,"more":{"z":"${LONG}"}}@4`,
      'a+{"x":5}@5 from 4',
      '-a@6',
      `a={"x":5,"name":null,"more":{"z":"${LONG}"}}@7`,
    ]);
    expect(words(delta.got).at(-1)).toBe(`b={"x":2,"name":"${LONG}","more":{}}@9`);
  });

  it('gets the whole value after changes that it was too slow for', async () => {
    const { nodes, group, of, delta, plain } = await world();
    const live = new LiveState<Unit>('room');
    delta.transport.isStuck = true;
    for (let x = 2; x <= 40; x++) {
      await of(group.set(`k${x % 3}`, { x, name: LONG }));
      await of(group.set('a', { x, name: LONG }));
    }
    delta.transport.release();
    await nodes.pass(50);
    await of(group.set('a', { x: 50, name: LONG }));
    expect(words(delta.got).at(-1)).toBe('a+{"x":50}@80 from 79');
    for (const message of delta.got) live.take(message as StateMessage<Unit>);
    expect(delta.got.length).toBeLessThan(plain.got.length);
    const entries = [...(await of(group.entries()))].map(([key, { value }]) => [key, value]);
    expect(Object.fromEntries(live)).toEqual(Object.fromEntries(entries));
  });

  it('gets whole values first when it comes back, because it may lack the values before', async () => {
    const { nodes, group, of, plain } = await world();
    await of(group.set('b', { x: 1, name: LONG }));
    const { position } = await of(group.join(plain.channel));
    await of(group.set('a', { x: 2, name: LONG }));
    const back = await nodes.member();
    await of(group.join(back.channel, position, { deltas: true }));
    await of(group.set('a', { x: 3, name: LONG }));
    await of(group.set('b', { x: 3, name: LONG }));
    expect(words(back.got)).toEqual([
      'again',
      `a={"x":2,"name":"${LONG}"}@3`,
      'ready@3',
      'a+{"x":3}@4 from 3',
      'b+{"x":3}@5 from 2',
    ]);
  });

  it('gets the whole value if two values cannot be compared', async () => {
    const { group, of, delta, plain } = await world({
      codec: {
        encode: (unit) => Buffer.from(String(unit.x)),
        decode: (bytes) => ({
          x: Number(bytes),
          get name(): string {
            throw new Error('not loaded');
          },
        }),
      },
    });
    await of(group.set('a', { x: 2 }));
    await of(group.set('a', { x: 3 }));
    for (const { got } of [delta, plain]) {
      const places = (got as StateMessage<Unit>[]).map((one) => one.type === 'set' && one.value.x);
      expect(places).toEqual([false, 1, false, 2, 3]);
    }
    expect((await of(group.get('a')))?.version).toBe(3);
  });

  it('gets patches in the form that format makes, and whole values if it makes none', async () => {
    let isPatched = true;
    const { group, of, delta } = await world({
      format: (message) => {
        if (message.type === 'patch') return isPatched ? `${message.key} +` : undefined;
        return message.type === 'set' ? `${message.key} =` : undefined;
      },
    });
    await of(group.set('a', { x: 2, name: LONG }));
    isPatched = false;
    await of(group.set('a', { x: 3, name: LONG }));
    expect(delta.got).toEqual(['a =', 'a +', 'a =']);
  });

  it('shares one encoding of a patch with the other members of its round', async () => {
    const { nodes, group, of } = await world();
    const encoded: unknown[] = [];
    const encoder = handler<{ writes: StateMessage<Unit> }>({
      sharable: true,
      write: (ctx, message) => {
        encoded.push(message);
        return ctx.write(message);
      },
    });
    for (let count = 0; count < 3; count++) {
      const { channel } = await nodes.member();
      channel.pipeline.addLast(encoder);
      await of(group.join(channel, undefined, { deltas: true }));
    }
    encoded.length = 0;
    await of(group.set('a', { x: 2, name: LONG }));
    expect(encoded.length).toBe(3);
    expect(new Set(encoded).size).toBe(1);
  });

  it('costs nothing when it has gone', async () => {
    const { nodes, group, of, delta, plain } = await world();
    delta.channel.close();
    await nodes.pass(20);
    await of(group.set('a', { x: 2, name: LONG }));
    const late = await nodes.member();
    await of(group.join(late.channel, undefined, { deltas: true }));
    expect(group.size).toBe(2);
    await of(group.join(plain.channel, undefined, { deltas: true }));
    await of(group.join(plain.channel));
    await of(group.set('a', { x: 3, name: LONG }));
    expect(words(late.got).at(-1)).toBe('a+{"x":3}@3 from 2');
    expect(words(plain.got).at(-1)).toBe(`a={"x":3,"name":"${LONG}"}@3`);
  });
});

describe('deltas of the rows of a database', () => {
  it('bring every member to the rows, after told and untold changes, and a lost store', async () => {
    const nodes = new VirtualNodes();
    const rows = new Map<string, StateRow<Unit>>();
    let sequence = 0;
    const put = (key: string, value: Unit) => {
      sequence += 1;
      rows.set(key, { key, value, rowVersion: sequence });
      return { rowVersion: sequence };
    };
    const clusters = [await nodes.join(), await nodes.join()];
    const [a, b] = clusters.map((one) =>
      stateGroup<Unit>(one, 'room', { refreshMs: false, getState: () => rows.values() }),
    ) as [StateGroup<Unit>, StateGroup<Unit>];
    const of = async <T>(promise: Promise<T>): Promise<T> => {
      promise.catch(() => {});
      await nodes.pass(60);
      return promise;
    };
    const members: { member: Member; live: LiveState<Unit> }[] = [];
    for (const group of [a, b]) {
      for (const deltas of [true, false]) {
        const member = await nodes.member();
        members.push({ member, live: new LiveState('room') });
        await of(group.join(member.channel, undefined, { deltas }));
      }
    }
    const sent = () =>
      members.map(({ member: { got }, live }) => {
        const news = JSON.parse(JSON.stringify(got.splice(0))) as StateMessage<Unit>[];
        for (const message of news) live.take(message);
        return words(news);
      });
    const expectRows = () => {
      const own = Object.fromEntries(Array.from(rows, ([key, { value }]) => [key, value]));
      for (const { live } of members) {
        expect([live.status, Object.fromEntries(live)]).toEqual(['ready', own]);
      }
    };
    await of(a.set('a', { x: 1, name: LONG }, put('a', { x: 1, name: LONG })));
    await of(b.set('a', { x: 2, name: LONG }, put('a', { x: 2, name: LONG })));
    put('a', { x: 3, name: LONG });
    put('b', { x: 1, name: null });
    await of(b.refresh());
    const told = (x: number, version: number) => `a={"x":${x},"name":"${LONG}"}@${version}`;
    const untold = 'b={"x":1,"name":null}@4';
    const patches = ['a+{"x":2}@2 from 1', 'a+{"x":3}@3 from 2', untold];
    const start = ['begin', 'ready@0', told(1, 1)];
    const [first, second] = [
      [...start, ...patches],
      [...start, told(2, 2), told(3, 3), untold],
    ];
    expect(sent()).toEqual([first, second, first, second]);
    expectRows();

    members[0]!.member.transport.isStuck = true;
    for (let x = 4; x < 20; x++) {
      await of(b.set('a', { x, name: LONG }, put('a', { x, name: LONG })));
      await of(b.set('c', { x, name: LONG }, put('c', { x, name: LONG })));
    }
    rows.delete('b');
    await of(a.refresh());
    members[0]!.member.transport.release();
    await nodes.pass(50);
    const [slow, plain, fast] = sent();
    expect(slow!.length).toBeLessThan(plain!.length);
    expect([fast!.at(-3), fast!.at(-1)]).toEqual(['a+{"x":19}@35 from 33', '-b@37']);
    expectRows();

    nodes.hub.kill();
    await nodes.pass(50);
    statesIn(nodes.hub.relay).clear();
    put('a', { x: 20, name: LONG });
    nodes.hub.start();
    await nodes.pass(3000);
    expect(sent()[0]!.map((word) => word.slice(0, 7))).toEqual([
      'again',
      'begin',
      'a={"x":',
      'c={"x":',
      'ready@2',
    ]);
    await of(a.set('a', { x: 21, name: LONG }, put('a', { x: 21, name: LONG })));
    expect(sent().map(([word]) => word)).toEqual([
      'a+{"x":21}@3 from 1',
      told(21, 3),
      'a+{"x":21}@3 from 1',
      told(21, 3),
    ]);
    expectRows();
  });
});
