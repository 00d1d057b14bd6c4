import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { Question } from '../../src/users/question.ts';
import { fromAboutUser, toCount } from '../../src/users/user-message.ts';
import { UserQuestions } from '../../src/users/user-questions.ts';

describe('a question about a user', () => {
  it('waits for all nodes that have the user, or its time', async () => {
    const clock = new VirtualClock();
    const question = new Question(clock, 2000, ['a', 'b']);
    let isOver = false;
    void question.answers.then(() => {
      isOver = true;
    });
    question.answered('a', 1);
    await new Promise(setImmediate);
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

  it('is one of a bounded number that wait while the bus is silent', async () => {
    let heard = (): void => {};
    let asked = 0;
    const silent = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const ready = (): Promise<void> => {
      asked += 1;
      return silent;
    };
    const context = { wire: { host: { clock: new VirtualClock() } } };
    const index = { ready, subjects: () => [], isSure: false };
    const questions = new UserQuestions(context as never, index as never, 'users');
    const codes = new Map<string, number>();
    const note = (code: string): void => void codes.set(code, (codes.get(code) ?? 0) + 1);
    for (let i = 0; i < 50_000; i++) {
      for (const call of [questions.ask('ann', 2000, () => {}), questions.ready()]) {
        call.then(
          () => note('answered'),
          ({ code }) => note(code),
        );
      }
    }
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect([asked, ...codes]).toEqual([10_000, ['HR_ERR_REJECTED_QUEUE', 90_000]]);
    heard();
    await questions.ready().catch(() => {});
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(codes.get('answered')).toBe(10_000);
    await questions.ready();
  });
});
