import { expect, it } from 'vitest';
import { withoutStack } from '../../src/call/without-stack.ts';

it('makes an error without the lines of its stack, and later ones have them', () => {
  const { stackTraceLimit } = Error;
  const error = withoutStack(() => new Error('read ECONNRESET'));
  expect(error.stack).toBe('Error: read ECONNRESET');
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  expect(new Error('later').stack).toContain('without-stack.test.ts');
});

it('later errors have a stack, even if the error cannot be made', () => {
  const { stackTraceLimit } = Error;
  expect(() => withoutStack(() => JSON.parse('{') as Error)).toThrow();
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});

it('makes an error where the class is frozen', () => {
  const { stackTraceLimit } = Error;
  Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: false });
  try {
    expect(withoutStack(() => new Error('read ECONNRESET')).message).toBe('read ECONNRESET');
  } finally {
    Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true });
  }
});
