// Five thousand come at once: what one of them says is echoed, who comes is announced together, and at the end of the
// chat all that were served hear it soon.
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { figures } from '../../../../packages/core/test/fixture/figure.ts';
import { GoodMember } from './good-member.ts';
import { Joiners } from './joiners-process.ts';
import { WatchedChat } from './watched-chat.ts';

const MEMBERS = 5000;
/** Each of those that were there before another one hears of it. */
const JOINS = (MEMBERS * (MEMBERS - 1)) / 2;
const ECHO_MS = 2000;
const TALK_MS = 500;
/** Of these, 1 is the pause between five batches of farewells. It took 5.1 to 9.5 seconds when the rest was not dropped. */
const BYE_MS = 3000;
const SETTINGS = { maxConnectionsPerAddress: 2 * MEMBERS, backlog: MEMBERS, authSeconds: 600 };
const ECHOES_MIN = 10;
/** What is announced together comes together: 20 to 25 of them. It was 4 to 6 with a broadcast for each. */
const JOINS_PER_PIECE = 8;

const BOUNDS = {
  'joins for each piece': { above: JOINS_PER_PIECE },
  echoes: { above: ECHOES_MIN },
  'latest echo ms': { below: ECHO_MS },
};

it(`a member among ${MEMBERS} that come at once hears its echo within ${ECHO_MS} ms of the server's time`, async () => {
  await figures(`${MEMBERS} that come at once`, BOUNDS, async () => {
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
    return {
      'joins for each piece': report.joins / report.pieces,
      echoes: tookMs.length,
      'latest echo ms': Math.max(...tookMs),
    };
  });
});

it.each([
  ['the middle', 0.5],
  ['the last ones', 0.98],
])(
  `with SIGTERM while %s of ${MEMBERS} sign in all hear BYE within ${BYE_MS} ms`,
  async (which, share) => {
    await figures(
      `BYE of ${MEMBERS}, with ${which}`,
      { 'last BYE ms': { below: BYE_MS } },
      async () => {
        using chat = await WatchedChat.start(SETTINGS);
        using joiners = await Joiners.start(chat.port, MEMBERS);
        joiners.begin();
        await joiners.until((report) => report.signedIn > MEMBERS * share);
        const exited = once(chat.process, 'exit');
        const signalledAt = Date.now();
        chat.process.kill('SIGTERM');
        await exited;
        const { byes, signedIn, lastByeAt } = await joiners.until(({ open }) => open === 0);
        expect(byes).toBe(signedIn);
        return { 'last BYE ms': lastByeAt - signalledAt };
      },
    );
  },
);
