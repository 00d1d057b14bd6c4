import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import type { Wire } from '../../src/node/wire.ts';
import { BoundUser } from '../../src/users/bound-user.ts';
import { UserClaims } from '../../src/users/user-claims.ts';
import type { UserIndex } from '../../src/users/user-index.ts';
import type { UserPaces } from '../../src/users/user-paces.ts';

it('UserClaims looks after few users in each turn, when it claims and when nobody answers', () => {
  const clock = new VirtualClock();
  let ofTurn = 0;
  let most = 0;
  let sent = 0;
  const turn = (task: () => void) => () => {
    ofTurn = 0;
    task();
    most = Math.max(most, ofTurn);
  };
  const host = {
    clock: {
      now: () => clock.now(),
      timeOfDay: () => clock.timeOfDay(),
      execute: (task: () => void) => clock.execute(turn(task)),
      schedule: (task: () => void, ms: number) => clock.schedule(turn(task), ms),
    },
  };
  const wire = {
    nodeId: 'a',
    host,
    bus: { on: () => {}, off: () => {} },
    onRenamed: () => {},
    subjects: { usersOf: (node: string) => node },
    send: () => {
      sent += 1;
    },
  } as unknown as Wire;
  const index = {
    holders: () => {
      ofTurn += 1;
      return ['b'];
    },
  } as unknown as UserIndex;
  const users = new Map<string, BoundUser<unknown>>();
  const parts = { wire, index, users, paces: {} as UserPaces };
  const claims = new UserClaims({ ...parts, onDuplicate: 'allow', line: 'users' });
  for (let at = 0; at < 2000; at++) {
    const user = new BoundUser<unknown>({} as never);
    users.set(`user ${at}`, user);
    claims.came(`user ${at}`, user);
  }
  clock.advance(60_000);
  // Each claim, and eight times again.
  expect(sent).toBe(2000 * 9);
  expect(most).toBe(500);
  claims.close();
});
