// Two thousand members in one room, three ways in, and one of them never reads.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ChatPeer, encode, FRAMINGS, joinAs } from './chat-peer.ts';
import { ChatProcess } from './chat-process.ts';

const MEMBERS = 2000;
const AT_A_TIME = 50;
const TEXTS = Array.from({ length: 10 }, (_, i) => `number ${i}`);
/** Generous: this machine may be busy. A member who waited for the slow one would wait 10 s and more. */
const LATE_MS = 5000;
const STALL_MS = 30_000;

let server: ChatProcess;
let port: number;

beforeAll(async () => {
  server = new ChatProcess('main', [], { NETTY_TCP_MAXCONNECTIONSPERADDRESS: '10000' });
  port = await server.port();
});

afterAll(async () => {
  server.kill('SIGKILL');
  await server.exit;
});

async function joinAll(count: number): Promise<ChatPeer[]> {
  const peers: ChatPeer[] = [];
  for (let from = 0; from < count; from += AT_A_TIME) {
    const some = Array.from({ length: Math.min(AT_A_TIME, count - from) }, (_, i) => {
      // One in ten by WebSocket, which costs the test more than the server.
      const framing = (from + i) % 10 === 0 ? 'websocket' : FRAMINGS[(from + i) % 2]!;
      return joinAs(port, framing, `member-${from + i}`);
    });
    peers.push(...(await Promise.all(some)));
  }
  return peers;
}

/** The messages of one sender as a member hears them, without who comes and goes. */
async function hear(peer: ChatPeer, count: number): Promise<string[]> {
  const heard: string[] = [];
  while (heard.length < count) {
    const text = await peer.next();
    if (text.startsWith('MSG:sender:')) heard.push(text.slice('MSG:sender:'.length));
  }
  return heard;
}

it('all 2,000 get all ten messages in order, and nobody waits for one who never reads', async () => {
  const members = await joinAll(MEMBERS);
  const sender = await joinAs(port, 'frames', 'sender');
  const slow = await joinAs(port, 'frames', 'slow');
  // It asks and asks, and never reads an answer.
  slow.pause();
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => encode('frames', 'PING')));
  const asking = setInterval(() => slow.sendRaw(pings), 1);

  for (const text of TEXTS) {
    const sentAt = performance.now();
    sender.send(text);
    const heard = await Promise.all(members.map((member) => hear(member, 1)));
    expect(performance.now() - sentAt).toBeLessThan(LATE_MS);
    expect(heard.every(([one]) => one === text)).toBe(true);
  }
  // Once more, all at once.
  const sentAt = performance.now();
  sender.sendRaw(Buffer.concat(TEXTS.map((text) => encode('frames', text))));
  const heard = await Promise.all(members.map((member) => hear(member, TEXTS.length)));
  expect(performance.now() - sentAt).toBeLessThan(LATE_MS);
  for (const texts of heard) expect(texts).toEqual(TEXTS);

  // Its output stands still, and so does the server's reading of it, until the limit for that is over.
  await Promise.all(
    members.map(async (member) => {
      while ((await member.next(STALL_MS)) !== 'LEAVE:slow');
    }),
  );
  clearInterval(asking);
  expect(server.stderr).toMatch(/^\S+ warn 127\.0\.0\.1:\d+ closed, slow-consumer: .*\n$/);
  for (const peer of [...members, sender, slow]) peer.destroy();
});
