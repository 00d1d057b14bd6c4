import { describe, expect, it } from 'vitest';
import { AuthMachine, type AuthRules } from '../../src/auth/auth-machine.ts';

const RULES: AuthRules = {
  earlyMessages: 'hold-following',
  earlyWrites: 'hold',
  maxHeld: 2,
  duplicatePolicy: 'allow',
  again: 'pass',
  timeoutMs: 10_000,
  refusalPolicy: 'close',
};

function machine(rules: Partial<AuthRules> = {}): AuthMachine {
  return new AuthMachine({ ...RULES, ...rules });
}

const names = (actions: readonly { readonly do: string }[]): string[] =>
  actions.map((action) => action.do);

describe('AuthMachine', () => {
  it('goes from waiting to checking to done', () => {
    const auth = machine();
    expect(auth.looksForCredentials).toBe(true);
    expect(auth.message(true, 0)).toEqual({ do: 'check' });
    auth.began();
    expect(auth.phase).toBe('checking');
    expect(auth.message(true, 99)).toEqual({ do: 'hold' });
    expect(names(auth.yes(0))).toEqual(['accept', 'hand-on']);
    expect([auth.phase, auth.isSignedIn, auth.looksForCredentials]).toEqual(['done', true, false]);
    expect(auth.message(false, 0)).toEqual({ do: 'pass' });
  });

  it('rejects a message before the credentials, or more of them than may wait', () => {
    expect(machine().message(false, 0)).toEqual({ do: 'reject', why: 'early', stays: false });
    const holding = machine({ earlyMessages: 'hold' });
    expect(holding.message(false, 1)).toEqual({ do: 'hold' });
    expect(holding.message(false, 2)).toEqual({ do: 'reject', why: 'full', stays: false });
    expect(holding.message(true, 2)).toEqual({ do: 'drop' });
  });

  it('after a no is over, or waits again where the connection stays', () => {
    const over = machine();
    over.began();
    expect(over.no()).toEqual([{ do: 'reject', why: 'no', stays: false }]);
    expect(over.phase).toBe('over');
    const staying = machine({ refusalPolicy: 'stay' });
    staying.began();
    expect(names(staying.no())).toEqual(['reject', 'redeliver']);
    expect(staying.phase).toBe('waiting');
    staying.began();
    expect(names(staying.no(false))).toEqual(['reject']);
  });

  it('decides about an id that is in use elsewhere', () => {
    expect(names(machine({ duplicatePolicy: 'kick-older' }).yes(1))).toEqual([
      'kick-others',
      'accept',
      'hand-on',
    ]);
    const refusing = machine({ duplicatePolicy: 'refuse' });
    expect(refusing.yes(1)).toEqual([{ do: 'reject', why: 'duplicate', stays: false }]);
    expect(names(machine({ duplicatePolicy: 'refuse' }).yes(0))).toEqual(['accept', 'hand-on']);
  });

  it('moves a signed-in peer that sends credentials, or answers them', () => {
    const moving = machine({ again: 'move' });
    moving.yes(0);
    expect(moving.message(true, 0)).toEqual({ do: 'check' });
    moving.began();
    expect(names(moving.no(true))).toEqual(['reject', 'hand-on']);
    expect(moving.phase).toBe('done');
    const answering = machine({ again: 'refuse' });
    answering.yes(0);
    expect(answering.message(true, 0)).toEqual({ do: 'answer-again' });
  });

  it('holds, refuses or passes writes until the peer is authenticated', () => {
    const auth = machine();
    expect([auth.write(1), auth.write(2)]).toEqual(['hold', 'full']);
    expect(machine({ earlyWrites: 'refuse' }).write(0)).toBe('refuse');
    auth.yes(0);
    expect(auth.write(0)).toBe('pass');
    auth.kicked();
    expect([auth.phase, auth.isSignedIn, auth.write(0)]).toEqual(['over', false, 'pass']);
  });
});
