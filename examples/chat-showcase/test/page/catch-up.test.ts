import { describe, expect, it } from 'vitest';
import type { Recent } from '../../src/history.ts';
import { CatchUp } from '../../src/page/catch-up.ts';

/** A history of messages that are called by their numbers. */
function history(total: number, kept = 50, epoch = 'a'): Recent {
  const first = Math.max(1, total - kept + 1);
  const numbers = Array.from({ length: total - first + 1 }, (_, i) => first + i);
  return { epoch, total, messages: numbers.map((n) => ({ id: 'bob', text: String(n), at: n })) };
}

function missed(catchUp: CatchUp, told: Recent): [string, boolean] {
  const { messages, isComplete } = catchUp.missed(told);
  return [messages.map(({ text }) => text).join(' '), isComplete];
}

describe('CatchUp', () => {
  it('gives a new member the whole history', () => {
    expect(missed(new CatchUp(), history(60, 3))).toEqual(['58 59 60', true]);
    expect(missed(new CatchUp(), history(0))).toEqual(['', true]);
  });

  it('leaves out messages that came between the sign-in and the history', () => {
    const catchUp = new CatchUp();
    catchUp.connected();
    catchUp.heard();
    catchUp.heard();
    expect(missed(catchUp, history(5))).toEqual(['1 2 3', true]);
  });

  it('gives a returning member the messages that it missed, and nothing twice', () => {
    const catchUp = new CatchUp();
    catchUp.connected();
    catchUp.missed(history(10));
    catchUp.heard();
    catchUp.heard();
    catchUp.connected();
    expect(missed(catchUp, history(15))).toEqual(['13 14 15', true]);
    catchUp.connected();
    catchUp.heard();
    expect(missed(catchUp, history(17))).toEqual(['16', true]);
    catchUp.connected();
    expect(missed(catchUp, history(17))).toEqual(['', true]);
  });

  it('reports when there were more messages than it keeps', () => {
    const catchUp = new CatchUp();
    catchUp.connected();
    catchUp.missed(history(10));
    catchUp.connected();
    expect(missed(catchUp, history(20, 3))).toEqual(['18 19 20', false]);
  });

  it('treats all messages as new after a restart of the server', () => {
    const catchUp = new CatchUp();
    catchUp.connected();
    catchUp.missed(history(10));
    catchUp.connected();
    expect(missed(catchUp, history(2, 50, 'b'))).toEqual(['1 2', true]);
  });
});
