import { DrainEvent, DrainStartEvent } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { PositionsHandler } from '../src/positions-handler.ts';
import { VirtualChat, type VirtualPeer } from './virtual-chat.ts';

async function twoNodes() {
  const chat = new VirtualChat((ground, room) => [new PositionsHandler(ground, room)]);
  const nodes = [await chat.node(), await chat.node()] as const;
  const ann = await nodes[0].join('ann');
  const bob = await nodes[1].join('bob');
  ann.heard();
  return { chat, nodes, ann, bob };
}

type Room = Awaited<ReturnType<typeof twoNodes>>;

/** Turns positions on, and returns the position. */
async function turnOn({ chat }: Pick<Room, 'chat'>, peer: VirtualPeer): Promise<string> {
  peer.say('SINCE:');
  await chat.pass(100);
  const heard = peer.heard();
  expect(heard).toEqual([expect.stringMatching(/^AT:[^:]+:\d+$/)]);
  return heard[0]!.slice('AT:'.length);
}

describe('SINCE', () => {
  it('puts AT before each message, even before the own ones, which come back as ECHO', async () => {
    const room = await twoNodes();
    const { chat, ann, bob } = room;
    const [epoch] = (await turnOn(room, bob)).split(':');
    ann.say('one');
    await chat.pass(50);
    bob.say('two');
    await chat.pass(50);
    expect(ann.heard()).toEqual(['ECHO:one', 'MSG:bob:two']);
    const own = [`AT:${epoch}:2`, 'ECHO:two'];
    expect(bob.heard()).toEqual([`AT:${epoch}:1`, 'MSG:ann:one', ...own]);
  });

  it('gives a member that comes back on another node the missed messages, once, and then goes on', async () => {
    const room = await twoNodes();
    const { chat, nodes, ann, bob } = room;
    const position = await turnOn(room, bob);
    const [epoch] = position.split(':');
    ann.say('one');
    await chat.pass(50);
    expect(bob.heard()).toHaveLength(2);
    bob.channel.close();
    ann.say('two', 'three');
    await chat.pass(500);
    const back = await nodes[0].join('bob');
    back.say(`SINCE:${epoch}:1`);
    await chat.pass(100);
    const missed = [`AT:${epoch}:2`, 'MSG:ann:two', `AT:${epoch}:3`, 'MSG:ann:three'];
    expect(back.heard()).toEqual(missed);
    ann.say('four');
    await chat.pass(50);
    expect(back.heard()).toEqual([`AT:${epoch}:4`, 'MSG:ann:four']);
  });

  it('says so if it does not reach back, and goes on from there', async () => {
    const { chat, ann, bob } = await twoNodes();
    ann.say('one');
    await chat.pass(50);
    bob.heard();
    bob.say('SINCE:another-epoch:7');
    await chat.pass(100);
    expect(bob.heard()).toEqual(['ERR:SINCE_GONE', expect.stringMatching(/^AT:[^:]+:1$/)]);
  });

  it.each(['SINCE:x', 'SINCE:x:', 'SINCE:x:-1', 'SINCE:x:1:2', 'SINCE:x:9999999999999999'])(
    'refuses %s, and stays',
    async (text) => {
      const { chat, ann, bob } = await twoNodes();
      bob.say(text);
      await chat.pass(50);
      expect(bob.heard()).toEqual(['ERR:BAD_SINCE']);
      ann.say('hello');
      await chat.pass(50);
      expect(bob.heard()).toEqual(['MSG:ann:hello']);
    },
  );

  it('is refused a second time', async () => {
    const room = await twoNodes();
    await turnOn(room, room.bob);
    room.bob.say('SINCE:');
    await room.chat.pass(50);
    expect(room.bob.heard()).toEqual(['ERR:ALREADY_SINCE']);
  });

  it('without the bus is refused after five seconds, and the member hears as before', async () => {
    const { chat, nodes, ann } = await twoNodes();
    const cy = await nodes[0].join('cy');
    ann.heard();
    chat.hub.kill();
    await chat.pass(6000);
    cy.heard();
    cy.say('SINCE:x:1');
    await chat.pass(5500);
    expect(cy.heard()).toContain('ERR:BUS_DOWN');
    ann.say('hello');
    await chat.pass(50);
    expect(cy.heard()).toEqual(['MSG:ann:hello']);
  });

  it('with positions on, tells which message was not kept', async () => {
    const room = await twoNodes();
    const { chat, ann, bob } = room;
    await turnOn(room, bob);
    chat.hub.kill();
    await chat.pass(50);
    bob.say('lost');
    await chat.pass(5500);
    expect(bob.heard()).toContain('ERR:NOT_KEPT:lost');
    expect(ann.heard()).not.toContain('MSG:bob:lost');
  });

  it('with positions on, reads no text that members might miss once a drain has started', async () => {
    const room = await twoNodes();
    const { bob } = room;
    await turnOn(room, bob);
    expect(bob.channel.embedded.isReading).toBe(true);
    bob.channel.run(() => bob.channel.pipeline.fireUserEventTriggered(new DrainStartEvent()));
    expect(bob.channel.embedded.isReading).toBe(false);
  });

  it('is not a command before the sign-in', async () => {
    const { nodes } = await twoNodes();
    const stranger = nodes[0].connect();
    stranger.say('SINCE:');
    expect(stranger.heard()).toEqual(['ERR:UNAUTH']);
  });

  it('reads no further while too much is on its way, and a drain waits for what becomes of it', async () => {
    const room = await twoNodes();
    const { chat, bob } = room;
    await turnOn(room, bob);
    chat.hub.kill();
    await chat.pass(50);
    bob.say(...Array.from({ length: 64 }, (_, i) => `text ${i}`));
    expect(bob.channel.readHolds).toEqual([]);
    bob.say('one too many');
    expect(bob.channel.readHolds).toEqual(['positions']);
    bob.channel.run(() => bob.channel.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
    expect(bob.channel.isEnding).toBe(false);
    await chat.pass(5500);
    expect(bob.heard().filter((text) => text.startsWith('ERR:NOT_KEPT:'))).toHaveLength(65);
    expect([bob.channel.isReadHeld, bob.channel.isEnding]).toEqual([false, true]);
  });
});
