import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { Question } from '../../src/users/question.ts';
import { toUserAnswer } from '../../src/users/user-message.ts';

describe('a question about a user', () => {
  it('says who was silent, and who had named them', async () => {
    const clock = new VirtualClock();
    const question = new Question(clock, 2000, ['a']);
    question.answered('a', { count: 1, holders: ['b', 'c', 'c'] });
    question.answered('b', { count: 1, holders: ['a', 'c'] });
    clock.advance(2000);
    expect([...(await question.answers).keys()]).toEqual(['a', 'b']);
    expect([...question.silent()]).toEqual([{ node: 'c', namedBy: ['a', 'b'] }]);
  });

  it('waits for all nodes that an answer names, and for no longer', async () => {
    const question = new Question(new VirtualClock(), 2000, ['a']);
    let isOver = false;
    void question.answers.then(() => {
      isOver = true;
    });
    question.answered('a', { count: 1, holders: ['b', 'c'] });
    question.answered('b', { count: 1, holders: [] });
    await Promise.resolve();
    expect(isOver).toBe(false);
    question.answered('c', { count: 1, holders: [] });
    expect([...(await question.answers).keys()]).toEqual(['a', 'b', 'c']);
  });

  it('takes no answer that names more nodes than there can be, or takes connections back', () => {
    const holders = Array.from({ length: 10_001 }, (_, i) => String(i));
    expect(() => toUserAnswer({ count: 1, holders })).toThrow(/without a count/);
    expect(() => toUserAnswer({ count: -1, holders: [] })).toThrow(/without a count/);
    expect(toUserAnswer({ count: 1, holders: holders.slice(1) }).holders).toHaveLength(10_000);
  });
});
