import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/client/phase.ts';
import {
  causeSentence,
  duration,
  gapSentence,
  phaseLabel,
  presenceParts,
  roomHint,
  roundTripLabel,
  welcomeSentence,
} from '../../src/page/words.js';

describe('causeSentence', () => {
  it.each([...ERROR_CODES, 'lost', 'silent', 'unreachable', 'restarting', 'slow', 'sibling'])(
    'has words for %s',
    (cause) => {
      const sentence = causeSentence(cause);
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      expect(sentence).not.toContain('does not know');
    },
  );

  it('shows a code it does not know', () => {
    expect(causeSentence('FROM_THE_FUTURE')).toContain('FROM_THE_FUTURE');
  });
});

describe('phaseLabel', () => {
  it('counts down', () => {
    const waiting = { name: 'waiting', delayMs: 3000, because: 'lost' } as const;
    expect(phaseLabel(waiting, 3)).toBe('Reconnecting in 3 s');
    expect(phaseLabel(waiting, 0)).toBe('Reconnecting…');
    expect(phaseLabel({ name: 'online' }, 0)).toBe('Online');
  });
});

describe('presenceParts', () => {
  const said = (...changes: [string, 'joined' | 'left'][]): string =>
    presenceParts(new Map(changes))
      .map((part) => (typeof part === 'string' ? part : part.name))
      .join('');

  it('lists the members that joined and left', () => {
    expect(said(['ada', 'joined'])).toBe('ada joined');
    expect(said(['ada', 'joined'], ['bob', 'joined'])).toBe('ada and bob joined');
    expect(said(['ada', 'left'], ['bob', 'joined'], ['cy', 'left'])).toBe(
      'bob joined · ada and cy left',
    );
  });

  it('counts a crowd', () => {
    const crowd = Array.from({ length: 1203 }, (_, at): [string, 'joined'] => [`u${at}`, 'joined']);
    expect(said(...crowd.slice(0, 4))).toBe('u0, u1, u2 and u3 joined');
    expect(said(...crowd.slice(0, 5))).toBe('u0, u1, u2 and 2 others joined');
    expect(said(...crowd)).toBe(`u0, u1, u2 and ${(1200).toLocaleString()} others joined`);
  });

  it('keeps names apart from words, so that a name cannot pose as one', () => {
    expect(presenceParts(new Map([['bob left', 'joined']]))).toEqual([
      { name: 'bob left' },
      ' joined',
    ]);
  });
});

describe('roomHint', () => {
  it('appears only when the text is nearly too long', () => {
    expect(roomHint(10, 1000)).toBe('');
    expect(roomHint(990, 1000)).toBe('10 bytes left');
    expect(roomHint(1003, 1000)).toBe('3 bytes too long');
  });
});

describe('duration', () => {
  it.each([
    [10, '1 s'],
    [12_400, '12 s'],
    [89_000, '89 s'],
    [150_000, '3 min'],
    [7_200_000, '2 h'],
  ])('%d ms is %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });
});

describe('what is said about the history', () => {
  it('matches the messages that are shown', () => {
    expect(welcomeSentence('ada', 0)).toBe('You are in as ada.');
    expect(welcomeSentence('ada', 3)).toContain('Above');
    expect(gapSentence(5000, 0, true)).toBe('Back after 5 s. Nobody wrote meanwhile.');
    expect(gapSentence(5000, 2, true)).toContain('Above');
    expect(gapSentence(5000, 50, false)).toContain('only the last');
  });
});

describe('roundTripLabel', () => {
  it('has no more digits than it is good for', () => {
    expect([0.3, 1, 12.4, 380.6].map(roundTripLabel)).toEqual([
      '< 1 ms',
      '1 ms',
      '12 ms',
      '381 ms',
    ]);
  });
});
