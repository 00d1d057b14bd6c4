import { expect, it } from 'vitest';
import { askThrough } from './asking-scenario.ts';

/** A fault of the protocol is found within so many seeds. */
const FOUND_WITHIN = 200;

it('on 10 lossy networks each request is answered or reported, and none is executed twice', async () => {
  const { answered, reported } = await askThrough(10, 1);
  expect(Math.min(answered, reported)).toBeGreaterThan(10);
});

it.each([
  ['executes what comes again', { executesAgain: true }, 'was executed 2 times'],
  ['reports nothing of what it gives up', { givesUpSilently: true }, 'has no outcome'],
])(`a protocol that %s is found within ${FOUND_WITHIN} seeds`, async (_name, faulty, message) => {
  await expect(askThrough(FOUND_WITHIN, 1, faulty)).rejects.toThrow(message);
});
