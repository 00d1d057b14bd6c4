import { describe, expect, it } from 'vitest';
import { Members } from '../../src/page/members.ts';

function membersOf(...ids: string[]): Members {
  const members = new Members();
  for (const id of ids) members.joined(id);
  return members;
}

describe('Members', () => {
  it('lists who is here by name, each once', () => {
    const members = membersOf('mo', 'zoe', 'ada', 'zoe', '__proto__');
    expect(members.sorted()).toEqual(['__proto__', 'ada', 'mo', 'zoe']);
    members.left('mo');
    members.left('nobody');
    expect(members.sorted()).toEqual(['__proto__', 'ada', 'zoe']);
  });

  it('accepts the list of the server once it is complete', () => {
    const members = membersOf('gone', 'ada');
    members.listBegins(2);
    members.listed('ada');
    expect(members.sorted()).toEqual(['ada', 'gone']);
    members.listed('bob');
    expect(members.sorted()).toEqual(['ada', 'bob']);
  });

  it('applies joins and leaves that come before the list is complete', () => {
    const members = membersOf('mo');
    members.listBegins(4);
    members.listed('ada');
    members.left('ada');
    members.left('bob');
    members.joined('cy');
    for (const id of ['bob', 'dee', 'mo']) members.listed(id);
    expect(members.sorted()).toEqual(['cy', 'dee', 'mo']);
  });
});
