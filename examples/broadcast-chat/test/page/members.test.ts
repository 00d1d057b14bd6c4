import { describe, expect, it } from 'vitest';
import { Members } from '../../public/members.js';

function membersOf(self: string, ...heard: string[]): Members {
  const members = new Members();
  members.reset(self);
  for (const id of heard) members.heard(id);
  return members;
}

const ids = (members: Members): string[] => members.list().map(({ id }) => id);

describe('Members', () => {
  it('knows oneself first, then others by name, each once', () => {
    const members = membersOf('mo', 'zoe', 'ada', 'zoe');
    expect(ids(members)).toEqual(['mo', 'ada', 'zoe']);
    expect(members.count).toBe(3);
    expect(members.list()[0]).toEqual({ id: 'mo', isSelf: true, isSure: true });
  });

  it('forgets who left, but never oneself', () => {
    const members = membersOf('mo', 'ada');
    members.left('ada');
    members.left('mo');
    members.left('nobody');
    expect(ids(members)).toEqual(['mo']);
  });

  it('is not a second person when the server tells of an older connection of oneself', () => {
    const members = membersOf('mo');
    members.heard('mo');
    expect(ids(members)).toEqual(['mo']);
  });

  it('is not sure of anybody after a gap, until they are heard again', () => {
    const members = membersOf('mo', 'ada', 'bob', 'cy');
    members.missedSome();
    members.heard('cy');
    members.left('bob');
    expect(members.list()).toEqual([
      { id: 'mo', isSelf: true, isSure: true },
      { id: 'cy', isSelf: false, isSure: true },
      { id: 'ada', isSelf: false, isSure: false },
    ]);
  });

  it('takes names for names, whatever they are', () => {
    expect(ids(membersOf('mo', '__proto__', 'constructor'))).toHaveLength(3);
  });

  it('starts anew, and is empty when nobody is signed in', () => {
    const members = membersOf('mo', 'ada');
    members.reset('');
    expect(ids(members)).toEqual([]);
    expect(members.count).toBe(0);
  });

  it('remembers a bounded number', () => {
    const members = new Members({ maxMembers: 2 });
    members.reset('mo');
    for (const id of ['a', 'b', 'c', 'a']) members.heard(id);
    expect(ids(members)).toEqual(['mo', 'a', 'b']);
  });
});
