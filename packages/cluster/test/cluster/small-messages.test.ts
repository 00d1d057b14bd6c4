import { type Bus, memoryBus } from '@headrace/bus';
import { isHeadraceError } from '@headrace/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Nodes, sent } from '../nodes.ts';

const MAX_BYTES = 4096;
const BIG = 'x'.repeat(5000);

const codeOf = (thrown: unknown): boolean => isHeadraceError(thrown, 'MESSAGE_TOO_LONG');

describe('a bus whose engine takes only short messages', () => {
  let nodes: Nodes;
  const small = (): Bus =>
    Object.defineProperty(memoryBus({ hub: nodes.hub }), 'maxBytes', { value: MAX_BYTES });
  const join = () => nodes.join<string>({ bus: small() });

  beforeEach(() => {
    nodes = new Nodes();
  });

  it('refuses a longer message to a group at its writer, and no member gets it', async () => {
    const [here, there] = [await join(), await join()];
    const members = [here, there].map((cluster) => {
      const member = nodes.channel();
      cluster.group<string>('room').add(member);
      return member;
    });
    await nodes.pass(1000);
    const group = here.group<string>('room');
    expect(() => group.writeAndFlush(BIG)).toThrow(expect.toSatisfy(codeOf));
    group.writeAndFlush('y'.repeat(4000));
    await nodes.pass(100);
    expect(members.map((member) => sent(member).map((text) => String(text).length))).toEqual([
      [4000],
      [4000],
    ]);
  });

  it('refuses a longer message to a user, and a longer question, at their senders', async () => {
    const [here, there] = [await join(), await join()];
    const channel = nodes.channel();
    there.users.bind('ann', channel);
    await nodes.pass(1000);
    expect(() => here.users.send('ann', BIG)).toThrow(expect.toSatisfy(codeOf));
    await expect(here.users.deliver('ann', BIG)).rejects.toSatisfy(codeOf);
    expect(() => here.group('room').request(Buffer.from(BIG), { timeoutMs: 100 })).toThrow(
      expect.toSatisfy(codeOf),
    );
    here.users.send('ann', 'short');
    await nodes.pass(100);
    expect(sent(channel)).toEqual(['short']);
  });

  it('carries a node’s presence, however many members it has', async () => {
    const here = await join();
    const there = await join();
    const group = there.group('room', { presence: 'ids' });
    here.group('room', { presence: 'ids' });
    for (let at = 0; at < 500; at += 1) group.add(nodes.channel());
    await nodes.pass(3000);
    expect(here.group('room').total).toBe(500);
  });
});
