// Five thousand come at once, and the chat is asked to end meanwhile: each that was served hears it.
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Joiners } from './joiners-process.ts';
import { WatchedChat } from './watched-chat.ts';

const MEMBERS = 5000;
const SETTINGS = { maxConnectionsPerAddress: 2 * MEMBERS, backlog: MEMBERS, authSeconds: 600 };

it.each([
  ['with the first ones', 0.02],
  ['in the middle', 0.5],
  ['with the last ones', 0.98],
])(
  `SIGTERM while ${MEMBERS} sign in, %s: all that were served hear BYE, and none is reset`,
  async (_when, share) => {
    using chat = await WatchedChat.start(SETTINGS);
    using joiners = await Joiners.start(chat.port, MEMBERS);
    const exited = once(chat.process, 'exit');
    joiners.begin();
    const { signedIn } = await joiners.until((report) => report.signedIn > MEMBERS * share);
    chat.process.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    const end = await joiners.until(({ open }) => open === 0);
    expect(end.signedIn).toBeGreaterThanOrEqual(signedIn);
    expect({ byes: end.byes, resets: end.resets }).toEqual({ byes: end.signedIn, resets: 0 });
  },
);
