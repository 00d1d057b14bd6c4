// Five thousand come at once: when the chat is asked to end everybody hears it.
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Joiners } from './joiners-process.ts';
import { WatchedChat } from './watched-chat.ts';

const MEMBERS = 5000;
const SETTINGS = { maxConnectionsPerAddress: 2 * MEMBERS, backlog: MEMBERS, authSeconds: 600 };

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
