import { describe, expect, it } from 'vitest';
import { phraseOf, printable } from '../../src/client/phrases.ts';
import { parseServerMessage } from '../../src/client/server-message.ts';

describe('phraseOf', () => {
  it('has a phrase for everything but heartbeats', () => {
    const show = (text: string) => phraseOf(parseServerMessage(text));
    expect(show('MSG:ann:hi')).toEqual({ tone: 'other', who: 'ann', text: 'hi' });
    expect(show('ECHO:hi')).toEqual({ tone: 'own', who: 'you', text: 'hi' });
    expect(show('JOIN:ann')?.text).toBe('→ ann joined');
    expect(show('LEAVE:ann')?.text).toBe('← ann left');
    expect(show('ERR:ALREADY_AUTH')?.text).toContain('AUTH:');
    expect(show('ERR:NEW_CODE')?.text).toBe('the server says NEW_CODE');
    expect(show('PONG')).toBeUndefined();
  });
});

describe('printable', () => {
  it('removes control characters, so that a peer cannot move the cursor', () => {
    expect(printable('a\u001b[2Jb\r\nc\u009b')).toBe('a [2Jb  c ');
  });
});
