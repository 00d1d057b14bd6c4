import { DrainStartEvent } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { VirtualChat } from './virtual-chat.ts';

async function threeNodes() {
  const chat = new VirtualChat();
  return { chat, nodes: [await chat.node(), await chat.node(), await chat.node()] as const };
}

describe('a room on three nodes', () => {
  it('delivers all messages, joins and leaves to all members, once', async () => {
    const { chat, nodes } = await threeNodes();
    const ann = await nodes[0].join('ann');
    const bob = await nodes[1].join('bob');
    const cy = await nodes[2].join('cy');
    expect([ann.heard(), bob.heard(), cy.heard()]).toEqual([
      ['JOIN:bob', 'JOIN:cy'],
      ['JOIN:cy'],
      [],
    ]);
    ann.say('hello', 'again');
    bob.say('hi');
    await chat.pass(50);
    expect(ann.heard()).toEqual(['ECHO:hello', 'ECHO:again', 'MSG:bob:hi']);
    expect(bob.heard().sort()).toEqual(['ECHO:hi', 'MSG:ann:again', 'MSG:ann:hello']);
    expect(cy.heard().sort()).toEqual(['MSG:ann:again', 'MSG:ann:hello', 'MSG:bob:hi']);
    bob.channel.close();
    await chat.pass(300);
    expect([ann.heard(), cy.heard()]).toEqual([['LEAVE:bob'], ['LEAVE:bob']]);
  });

  it('echoes no message that the members of a node may miss, because they are moved', async () => {
    const { chat, nodes } = await threeNodes();
    const ann = await nodes[0].join('ann');
    const bob = await nodes[1].join('bob');
    ann.heard();
    ann.say('before');
    const start = new DrainStartEvent();
    ann.channel.run(() => ann.channel.pipeline.fireUserEventTriggered(new DrainStartEvent(start)));
    start.onceDelivered(chat.clock, 1000, () => {});
    ann.say('after', 'PING');
    await chat.pass(50);
    expect(ann.heard()).toEqual(['ECHO:before']);
    expect(bob.heard()).toEqual(['MSG:ann:before']);
  });

  it('answers WHO for all nodes, in the order in which they came', async () => {
    const { nodes } = await threeNodes();
    await nodes[0].join('ann');
    await nodes[1].join('bob');
    const cy = await nodes[2].join('cy');
    const dee = await nodes[0].join('dee');
    for (const peer of [cy, dee]) {
      peer.heard();
      peer.say('WHO');
      expect(peer.heard().join()).toBe('MEMBERS:4,MEMBER:ann,MEMBER:bob,MEMBER:cy,MEMBER:dee');
    }
  });

  it('kicks the older connection of an id on whichever node; all others hear LEAVE and JOIN', async () => {
    const { chat, nodes } = await threeNodes();
    const others = await Promise.all(nodes.map((node, at) => node.join(`other ${at}`)));
    const old = await nodes[0].join('ann');
    for (const other of others) other.heard();
    old.heard();
    const young = await nodes[1].join('ann');
    await chat.pass(300);
    expect(old.heard().at(-1)).toBe('ERR:KICKED');
    expect([old.channel.isEnding, young.channel.isEnding]).toEqual([true, false]);
    expect(young.heard()).toEqual([]);
    for (const other of others) expect(other.heard()).toEqual(['LEAVE:ann', 'JOIN:ann']);
    others[2]!.say('WHO');
    expect(others[2]!.heard()[0]).toBe('MEMBERS:4');
  });

  it('takes names that differ in case alone for one, on all nodes', async () => {
    const { chat, nodes } = await threeNodes();
    const other = await nodes[2].join('other');
    const old = await nodes[0].join('ann');
    await nodes[1].join('Ann');
    await chat.pass(300);
    expect(old.heard().at(-1)).toBe('ERR:KICKED');
    other.heard();
    other.say('WHO');
    expect(other.heard().join()).toBe('MEMBERS:2,MEMBER:other,MEMBER:Ann');
  });

  it('goes on without the bus on each node, and has the last messages when the bus is back', async () => {
    const { chat, nodes } = await threeNodes();
    const ann = await nodes[0].join('ann');
    const bob = await nodes[0].join('bob');
    ann.say('before');
    await chat.pass(50);
    chat.hub.kill();
    await chat.pass(100);
    bob.heard();
    ann.say('meanwhile');
    await chat.pass(10);
    expect(bob.heard()).toEqual(['MSG:ann:meanwhile']);
    expect(await nodes[1].room.history.latest()).toEqual({ epoch: '', total: 0, messages: [] });
  });

  it('has one history for all nodes', async () => {
    const { chat, nodes } = await threeNodes();
    const ann = await nodes[0].join('ann');
    const bob = await nodes[1].join('bob');
    for (let i = 0; i < 40; i++) {
      ann.say(`text ${i}`);
      bob.say(`text ${i}`);
    }
    await chat.pass(500);
    const reading = Promise.all(nodes.map(({ room }) => room.history.latest()));
    await chat.pass(100);
    const [here, there, elsewhere] = await reading;
    expect(here).toMatchObject({ total: 80 });
    expect(here!.messages).toHaveLength(50);
    expect(there).toEqual(here);
    expect(elsewhere).toEqual(here);
  });

  it('ignores entries of the log that are not messages', async () => {
    const { chat, nodes } = await threeNodes();
    nodes[0].ground.kept.write({} as never);
    const ann = await nodes[1].join('ann');
    ann.say('fine');
    await chat.pass(100);
    const reading = nodes[2].room.history.latest();
    await chat.pass(100);
    expect((await reading).messages.map(({ text }) => text)).toEqual(['fine']);
  });
});
