import { describe, expect, it } from 'vitest';
import { Members } from '../../src/page/members.js';

function membersOf(self: string, ...heard: string[]): Members {
  const members = new Members();
  members.reset(self);
  for (const id of heard) members.heard(id);
  return members;
}

const ids = (members: Members): string[] => members.list().map(({ id }) => id);

describe('Members', () => {
  it('lists the own user first, then the others by name, each once', () => {
    const members = membersOf('mo', 'zoe', 'ada', 'zoe');
    expect(ids(members)).toEqual(['mo', 'ada', 'zoe']);
    expect(members.count).toBe(3);
    expect(members.list()[0]).toEqual({ id: 'mo', isSelf: true, way: undefined });
  });

  it('removes members that left, but never the own user', () => {
    const members = membersOf('mo', 'ada');
    members.left('ada');
    members.left('mo');
    members.left('nobody');
    expect(ids(members)).toEqual(['mo']);
  });

  it('does not count an older connection of the own user as another person', () => {
    const members = membersOf('mo');
    members.heard('mo');
    expect(ids(members)).toEqual(['mo']);
  });

  it('accepts the list of the server once it is complete', () => {
    const members = membersOf('mo', 'gone', 'ada');
    expect(members.isComplete).toBe(false);
    members.listBegins(3);
    expect(members.isComplete).toBe(false);
    members.listed('mo');
    members.listed('ada');
    expect(ids(members)).toEqual(['mo', 'ada', 'gone']);
    members.listed('bob');
    expect(ids(members)).toEqual(['mo', 'ada', 'bob']);
    expect(members.isComplete).toBe(true);
  });

  it('applies joins and leaves that come before the list is complete', () => {
    const members = membersOf('mo');
    members.listBegins(4);
    members.listed('ada');
    members.left('ada');
    members.left('bob');
    members.heard('cy');
    members.listed('bob');
    members.listed('dee');
    members.listed('mo');
    expect(ids(members)).toEqual(['mo', 'cy', 'dee']);
  });

  it('keeps the transport of each member until it leaves', () => {
    const members = membersOf('mo', 'ada');
    members.cameBy({ mo: 'page', ada: 'lines' });
    expect(members.list().map(({ way }) => way)).toEqual(['page', 'lines']);
    members.left('ada');
    members.heard('ada');
    expect(members.list().map(({ way }) => way)).toEqual(['page', undefined]);
  });

  it('handles any text as a name', () => {
    expect(ids(membersOf('mo', '__proto__', 'constructor'))).toHaveLength(3);
  });

  it('starts again, and is empty without a sign-in', () => {
    const members = membersOf('mo', 'ada');
    members.reset('');
    expect(ids(members)).toEqual([]);
    expect(members.count).toBe(0);
  });
});
