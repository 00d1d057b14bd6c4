import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { Question } from '../../src/users/question.ts';
import { fromAboutUser, toCount } from '../../src/users/user-message.ts';

describe('a question about a user', () => {
  it('waits for all nodes that have the user, or its time', async () => {
    const clock = new VirtualClock();
    const question = new Question(clock, 2000, ['a', 'b']);
    let isOver = false;
    void question.answers.then(() => {
      isOver = true;
    });
    question.answered('a', 1);
    await Promise.resolve();
    expect(isOver).toBe(false);
    clock.advance(2000);
    expect([...(await question.answers)]).toEqual([['a', 1]]);
  });

  it('does not wait for a node that is gone', async () => {
    const question = new Question(new VirtualClock(), 2000, ['a', 'b']);
    question.answered('a', 1);
    question.gone('b');
    expect([...(await question.answers)]).toEqual([['a', 1]]);
  });

  it('refuses an answer that takes connections back, and a message without a user', () => {
    expect(() => toCount(-1)).toThrow(/without a count/);
    expect(toCount(2)).toBe(2);
    for (const body of [Buffer.of(), Buffer.of(0, 1), Buffer.of(3, 1, 2)]) {
      expect(() => fromAboutUser({ bodyType: 0, body })).toThrow(/no user/);
    }
  });
});
