import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/client/command.ts';
import { idFaultText } from '../../src/client/id-fault-text.ts';
import { parseServerMessage } from '../../src/client/server-message.ts';
import { WhoList } from '../../src/client/who-list.ts';

describe('parseCommand', () => {
  it.each([
    ['hello', { kind: 'say', text: 'hello' }],
    ['  a /b  ', { kind: 'say', text: 'a /b' }],
    ['//etc/hosts', { kind: 'say', text: '/etc/hosts' }],
    ['WHO is there', { kind: 'say', text: 'WHO is there' }],
    ['/who', { kind: 'who' }],
    ['/quit', { kind: 'quit' }],
    ['   ', { kind: 'nothing' }],
  ])('takes %j for %j', (typed, command) => {
    expect(parseCommand(typed)).toEqual(command);
  });

  it.each([
    ['/help', '/who'],
    ['/leave now', 'there is no /leave, and it was not said'],
    ['/', 'there is no /'],
    ['ping', 'heartbeat'],
    ['Who', '/who'],
  ])('shows something for %j, and says nothing', (typed, shown) => {
    const command = parseCommand(typed);
    expect(command.kind).toBe('show');
    expect('lines' in command && command.lines.join('\n')).toContain(shown);
  });
});

describe('idFaultText', () => {
  it('refuses ids that the server would refuse or misread', () => {
    expect(idFaultText('a:b')).toContain('no colon');
    expect(idFaultText('a\u200bb')).toContain('cannot be seen');
    expect(idFaultText('a  b')).toContain('two spaces');
    expect(idFaultText(' ')).toContain('needed');
    expect(idFaultText('x'.repeat(65))).toContain('64');
    expect(idFaultText('Zoe\u0308 #1')).toBeUndefined();
  });
});

describe('WhoList', () => {
  it('shows the names together once all have come', () => {
    const list = new WhoList();
    const shown = ['MEMBERS:2', 'MEMBER:ann', 'JOIN:cy', 'MEMBER:bob', 'MEMBER:late'].map((text) =>
      list.add(parseServerMessage(text)),
    );
    expect(shown.filter((phrase) => phrase !== undefined)).toEqual([
      { tone: 'quiet', text: 'here (2): ann, bob' },
    ]);
  });
});
