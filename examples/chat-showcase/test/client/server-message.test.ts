import { describe, expect, it } from 'vitest';
import { parseServerMessage } from '../../src/client/server-message.ts';

describe('parseServerMessage', () => {
  it.each([
    ['AUTH_OK', { kind: 'accepted' }],
    ['PONG', { kind: 'pong' }],
    ['BYE', { kind: 'bye' }],
    ['ERR:KICKED', { kind: 'error', code: 'KICKED' }],
    ['ERR:FROM_THE_FUTURE', { kind: 'error', code: 'FROM_THE_FUTURE' }],
    ['JOIN:ada', { kind: 'joined', id: 'ada' }],
    ['LEAVE:ada', { kind: 'left', id: 'ada' }],
    ['MEMBERS:12', { kind: 'members', count: 12 }],
    ['MEMBER:ada', { kind: 'member', id: 'ada' }],
    ['ECHO:hello', { kind: 'echo', text: 'hello' }],
    ['MSG:ada:hello', { kind: 'message', id: 'ada', text: 'hello' }],
  ])('reads %s', (text, message) => {
    expect(parseServerMessage(text)).toEqual(message);
  });

  it('ends a name at the first colon and leaves all others to the text', () => {
    expect(parseServerMessage('MSG:ada:see: a:b::')).toEqual({
      kind: 'message',
      id: 'ada',
      text: 'see: a:b::',
    });
    expect(parseServerMessage('ECHO::x:')).toEqual({ kind: 'echo', text: ':x:' });
  });

  it('takes commands of the protocol inside a text for text', () => {
    expect(parseServerMessage('ECHO:ERR:KICKED')).toEqual({ kind: 'echo', text: 'ERR:KICKED' });
    expect(parseServerMessage('MSG:bob:BYE')).toEqual({ kind: 'message', id: 'bob', text: 'BYE' });
  });

  it('keeps line breaks and spaces in a text', () => {
    expect(parseServerMessage('MSG:ada:a\nb ')).toEqual({
      kind: 'message',
      id: 'ada',
      text: 'a\nb ',
    });
  });

  it.each([
    '',
    'HELLO',
    'JOIN',
    'JOIN:',
    'LEAVE:',
    'MEMBER:',
    'MEMBERS:',
    'ERR:',
    'MSG',
    'MSG:ada',
    'MSG::text',
    'bye',
    'auth_ok',
  ])('does not understand %j, and says so', (text) => {
    expect(parseServerMessage(text)).toEqual({ kind: 'unknown', text });
  });
});
