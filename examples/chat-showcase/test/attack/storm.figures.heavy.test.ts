// Five thousand come at once: what one of them says is echoed, and who comes is announced together.
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
