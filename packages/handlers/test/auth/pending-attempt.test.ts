import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { PendingAttempt } from '../../src/auth/pending-attempt.ts';

it('makes its signal when it is asked for, and only once', () => {
  const attempt = new PendingAttempt(new EmbeddedChannel());
  const { signal } = attempt;
  expect(signal.aborted).toBe(false);
  expect(attempt.signal).toBe(signal);
  const why = new Error('too late');
  attempt.abort(why);
  expect(signal.reason).toBe(why);
});

it('gives a signal that is aborted already, with the reason, to later callers', () => {
  const attempt = new PendingAttempt(new EmbeddedChannel());
  const why = new Error('too late');
  attempt.abort(why);
  expect([attempt.signal.aborted, attempt.signal.reason]).toEqual([true, why]);
});
