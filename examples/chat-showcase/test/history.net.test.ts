// The page's question for the last messages, in a binary message.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ChatPeer } from './chat-peer.ts';
import { RunningChat } from './running-chat.ts';

let running: RunningChat;

beforeEach(async () => {
  running = await RunningChat.start();
});

afterEach(() => running.stop());

const ask = (peer: ChatPeer, question: string): void =>
  (peer as unknown as { ws: { send(bytes: Buffer): void } }).ws.send(Buffer.from(question));

it('is answered once, with what was said before it', async () => {
  const bob = await running.join('lines', 'bob');
  const ann = await running.join('websocket', 'ann');
  for (let i = 0; i < 60; i++) bob.send(`number ${i}`);
  for (let i = 0; i < 60; i++) expect(await ann.next()).toBe(`MSG:bob:number ${i}`);
  ask(ann, 'history');
  ask(ann, 'history');
  const { total, messages } = JSON.parse((await ann.next()).replace(/^binary /, ''));
  expect([total, messages.length]).toEqual([60, 50]);
  expect(messages.at(-1)).toEqual({ id: 'bob', text: 'number 59', at: expect.any(Number) });
  ann.send('PING');
  expect(await ann.next()).toBe('PONG');
});

it('is refused before the sign-in, as is each other binary message', async () => {
  const stranger = await running.connect('websocket');
  ask(stranger, 'history');
  expect((await stranger.ended()).filter((text) => text.startsWith('binary'))).toEqual([]);
  const ann = await running.join('websocket', 'ann');
  ask(ann, 'nonsense');
  await ann.ended();
});
