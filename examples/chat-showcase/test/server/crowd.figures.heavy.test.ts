// Two thousand members in one room, three ways in, and one of them never reads.
import { afterEach, expect, it } from 'vitest';
import { figure } from '../../../../packages/core/test/fixture/figure.ts';
import { type ChatPeer, encode, FRAMINGS, joinAs } from './chat-peer.ts';
import { ChatProcess } from './chat-process.ts';

const MEMBERS = 2000;
const AT_A_TIME = 50;
const TEXTS = Array.from({ length: 10 }, (_, i) => `number ${i}`);
const AT_ONCE = TEXTS.map((text) => `${text} at once`);
/** Generous: this machine may be busy. A member who waited for the slow one would wait 10 s and more. */
const LATE_MS = 5000;
/** For what hangs only. */
const LIMIT_MS = 120_000;

let server: ChatProcess | undefined;
let port: number;

async function start(): Promise<ChatProcess> {
  server = new ChatProcess('main', [], {
    NETTY_TCP_MAXCONNECTIONSPERADDRESS: '10000',
    // Members that only listen are not to be closed for that, however long the test takes.
    NETTY_TCP_READERIDLESECONDS: '600',
  });
  port = await server.port();
  return server;
}

async function end(): Promise<void> {
  server?.kill('SIGKILL');
  await server?.exit;
}

afterEach(end);

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

/** Waits until every member has heard a text. */
async function allHear(members: readonly ChatPeer[], text: string): Promise<void> {
  for (const { inbox } of members) {
    await expect
      .poll(() => inbox.lastIndexOf(text), { timeout: LIMIT_MS, interval: 5 })
      .not.toBe(-1);
  }
}

/** All get everything in order, and one never reads: how long the last of them waited for a message, in milliseconds. */
async function latestMs(): Promise<number> {
  await end();
  const chat = await start();
  const members = await joinAll(MEMBERS);
  const sender = await joinAs(port, 'frames', 'sender');
  const slow = await joinAs(port, 'frames', 'slow');
  // Two thousand have heard of two thousand: that is over before the clock runs.
  await allHear(members, 'JOIN:slow');
  for (const { inbox } of members) {
    inbox.length = 0;
  }
  // It asks and asks, and never reads an answer.
  slow.pause();
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => encode('frames', 'PING')));
  const asking = setInterval(() => slow.sendRaw(pings), 1);

  let latest = 0;
  for (const text of TEXTS) {
    const sentAt = performance.now();
    sender.send(text);
    await allHear(members, `MSG:sender:${text}`);
    latest = Math.max(latest, performance.now() - sentAt);
  }
  // And ten at once.
  const sentAt = performance.now();
  sender.sendRaw(Buffer.concat(AT_ONCE.map((text) => encode('frames', text))));
  await allHear(members, `MSG:sender:${AT_ONCE.at(-1)}`);
  latest = Math.max(latest, performance.now() - sentAt);

  // Its output stands still, and so does the server's reading of it, until the limit for that is
  // over: after all messages, or among them where the machine is slow.
  await allHear(members, 'LEAVE:slow');
  clearInterval(asking);
  const messages = [...TEXTS, ...AT_ONCE].map((text) => `MSG:sender:${text}`);
  for (const { inbox } of members) {
    expect(inbox.filter((text) => text !== 'LEAVE:slow')).toEqual(messages);
    expect(inbox).toHaveLength(messages.length + 1);
  }
  // The log comes through a pipe of its own.
  await expect
    .poll(() => chat.stderr)
    .toMatch(/^\S+ warn 127\.0\.0\.1:\d+ closed, slow-consumer: .*\n$/);
  for (const peer of [...members, sender, slow]) peer.destroy();
  return latest;
}

it('all 2,000 get all ten messages in order, and no member waits for one that never reads', () =>
  figure('a message to 2,000, one of whom never reads: ms', { below: LATE_MS }, latestMs));
