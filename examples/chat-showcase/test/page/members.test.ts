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
  it('knows oneself first, then others by name, each once', () => {
    const members = membersOf('mo', 'zoe', 'ada', 'zoe');
    expect(ids(members)).toEqual(['mo', 'ada', 'zoe']);
    expect(members.count).toBe(3);
    expect(members.list()[0]).toEqual({ id: 'mo', isSelf: true, way: undefined });
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

  it('takes the list of the server for right, once it is complete', () => {
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

  it('believes who comes and goes while it is told more than the list', () => {
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

  it('knows how they came in, until they leave', () => {
    const members = membersOf('mo', 'ada');
    members.cameBy({ mo: 'page', ada: 'lines' });
    expect(members.list().map(({ way }) => way)).toEqual(['page', 'lines']);
    members.left('ada');
    members.heard('ada');
    expect(members.list().map(({ way }) => way)).toEqual(['page', undefined]);
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
});
