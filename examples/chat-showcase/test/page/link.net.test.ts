// The page's link in Node, against the server.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Recent } from '../../src/history.ts';
import { Link, type LinkState } from '../../src/page/link.ts';
import { RunningChat } from '../running-chat.ts';

let running: RunningChat;
const links: Link[] = [];

afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
  await running.stop();
});

function open(id: string, token = '', idleMs = 120_000) {
  const states: LinkState[] = [];
  const texts: string[] = [];
  const histories: Recent[] = [];
  const typings: { type: string; key?: string }[] = [];
  const link = new Link({
    address: `ws://127.0.0.1:${running.port}/ws`,
    id,
    token,
    idleMs,
    onState: (state) => states.push(state),
    onText: (text) => texts.push(text),
    onHistory: (recent) => histories.push(recent),
    onTyping: (json) => typings.push(JSON.parse(json)),
    random: () => 0.05,
  });
  links.push(link);
  const names = () => states.map(({ name }) => name);
  const last = () => states.at(-1);
  return { link, states, texts, histories, typings, names, last };
}

describe('Link', () => {
  beforeEach(async () => {
    running = await RunningChat.start({ tokens: { ann: 'a:b', bob: 'b' } });
  });

  it('signs in with its token, learns who is here and what was said, and talks', async () => {
    const bob = await running.connect('lines');
    bob.send('AUTH:bob:b');
    bob.send('before');
    expect([await bob.next(), await bob.next()]).toEqual(['AUTH_OK', 'ECHO:before']);
    const { link, texts, histories, names } = open('ann', 'a:b');
    expect(link.send('too early')).toBe(false);
    await expect.poll(names).toEqual(['connecting', 'online']);
    await expect.poll(() => histories).toHaveLength(1);
    expect(texts).toEqual(['MEMBERS:2', 'MEMBER:bob', 'MEMBER:ann']);
    expect(histories[0]).toMatchObject({ total: 1, messages: [{ id: 'bob', text: 'before' }] });
    expect(await bob.next()).toBe('JOIN:ann');
    expect(link.send('hello')).toBe(true);
    expect(await bob.next()).toBe('MSG:ann:hello');
    link.send('AUTH:again');
    await expect.poll(() => texts.slice(3)).toEqual(['ECHO:hello', 'ERR:ALREADY_AUTH']);
    expect(names()).toEqual(['connecting', 'online']);
  });

  it('learns who types, and shows that its user does', async () => {
    const ann = open('ann', 'a:b');
    const bob = open('bob', 'b');
    const heard = () => ann.typings.map(({ type, key }) => [type, key].join(' ').trim());
    await expect.poll(heard).toEqual(['begin', 'ready']);
    await expect.poll(() => bob.typings).toHaveLength(2);
    bob.link.typing();
    await expect.poll(heard).toEqual(['begin', 'ready', 'set typing bob']);
    bob.link.send('hello');
    await expect.poll(heard).toEqual(['begin', 'ready', 'set typing bob', 'delete typing bob']);
    await expect.poll(() => ann.texts.at(-1)).toBe('MSG:bob:hello');
    expect(ann.texts.filter((text) => text.includes('typing'))).toEqual([]);
  });

  it('does not come back after a refusal', async () => {
    const { last, names } = open('ann', 'wrong');
    await expect.poll(last).toEqual({ name: 'ended', because: 'AUTH_FAILED' });
    expect(names()).toEqual(['connecting', 'ended']);
    await expect.poll(open('\u200b').last).toEqual({ name: 'ended', because: 'BAD_CLIENT_ID' });
  });

  it('does not come back after a kick, and sends nothing more', async () => {
    const { link, last } = open('ann', 'a:b');
    await expect.poll(last).toEqual({ name: 'online' });
    const ann = await running.connect('lines');
    ann.send('AUTH:ann:a:b');
    await expect.poll(last).toEqual({ name: 'ended', because: 'KICKED' });
    expect(link.send('lost')).toBe(false);
  });

  it('comes back when the server does, and when its line was cut', async () => {
    const { port } = running;
    const { states, histories, last } = open('ann', 'a:b');
    await expect.poll(last).toEqual({ name: 'online' });
    await running.chat.shutdown();
    await expect
      .poll(() => states.slice(2))
      .toContainEqual({ name: 'waiting', because: 'BYE', delayMs: expect.any(Number) });
    running = await RunningChat.start({ port });
    await expect.poll(last, { timeout: 20_000 }).toEqual({ name: 'online' });
    // A line that is cut before the history has arrived has none.
    await expect.poll(() => histories).toHaveLength(2);
    running.ground.sessions.channel('ann')!.parent!.abort();
    await expect
      .poll(() => states)
      .toContainEqual({ name: 'waiting', because: 'lost', delayMs: expect.any(Number) });
    await expect.poll(last, { timeout: 20_000 }).toEqual({ name: 'online' });
    await expect.poll(() => histories).toHaveLength(3);
  }, 60_000);
});

it('speaks as often as its server wants', async () => {
  running = await RunningChat.start({ readerIdleSeconds: 1 });
  const { last, names } = open('ann', '', 1000);
  await expect.poll(last).toEqual({ name: 'online' });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(names()).toEqual(['connecting', 'online']);
});
