// Five thousand come at once: what one of them says is echoed, and when the chat is asked to end everybody hears it.
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { GoodMember } from './good-member.ts';
import { Joiners } from './joiners-process.ts';
import { WatchedChat } from './watched-chat.ts';

const MEMBERS = 5000;
/** Each of those that were there before another one hears of it. */
const JOINS = (MEMBERS * (MEMBERS - 1)) / 2;
const ECHO_MS = 2000;
const TALK_MS = 500;
const SETTINGS = { maxConnectionsPerAddress: 2 * MEMBERS, backlog: MEMBERS, authSeconds: 120 };
const ECHOES_MIN = 10;
/** What is announced together comes together: 20 to 25 of them. It was 4 to 6 with a broadcast for each. */
const JOINS_PER_PIECE = 8;

it(`a member among ${MEMBERS} that come at once hears its echo within ${ECHO_MS} ms of the server's time`, async () => {
  using chat = await WatchedChat.start(SETTINGS);
  using joiners = await Joiners.start(chat.port, MEMBERS);
  using good = await GoodMember.join(chat);
  joiners.begin();
  const tookMs: number[] = [];
  let report = await joiners.report();
  while (report.joins < JOINS) {
    tookMs.push(...(await good.talk(TALK_MS)));
    report = await joiners.report();
  }
  expect(report.joins).toBe(JOINS);
  expect(report.joins / report.pieces).toBeGreaterThan(JOINS_PER_PIECE);
  expect(tookMs.length).toBeGreaterThan(ECHOES_MIN);
  expect(Math.max(...tookMs)).toBeLessThan(ECHO_MS);
});

it(`all of ${MEMBERS} that came at once hear BYE, with SIGTERM when the last ones sign in`, async () => {
  using chat = await WatchedChat.start(SETTINGS);
  using joiners = await Joiners.start(chat.port, MEMBERS);
  const exited = once(chat.process, 'exit');
  joiners.begin();
  const { signedIn } = await joiners.until((report) => report.signedIn > MEMBERS * 0.98);
  chat.process.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  const end = await joiners.until(({ open }) => open === 0);
  expect(end.signedIn).toBeGreaterThanOrEqual(signedIn);
  expect(end.byes).toBe(end.signedIn);
});
