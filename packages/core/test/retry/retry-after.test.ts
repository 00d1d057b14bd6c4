import { retryAfter } from '@headrace/core/authoring';
import { expect, it } from 'vitest';

it('reads a number of seconds, up to a day, and nothing else', () => {
  expect(retryAfter('120')).toEqual({ retryAfterMs: 120_000 });
  expect(retryAfter('999999999')).toEqual({ retryAfterMs: 600_000 });
  const date = 'Wed, 21 Oct 2099 07:28:00 GMT';
  for (const header of [undefined, null, '', '0', '-1', 'soon', '1e9', '1 ', date]) {
    expect(retryAfter(header)).toEqual({});
  }
});
