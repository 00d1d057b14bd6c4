import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { RequestIntake } from '../../src/server/request-intake.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** What an intake holds after a read of these requests, which came in a large piece of memory. */
function restOf(requests: number): Buffer {
  const intake = new RequestIntake(
    new EmbeddedChannel(),
    () => {},
    () => false,
  );
  const memory = Buffer.alloc(64 * 1024);
  intake.receive(memory.subarray(0, memory.write(REQUEST.repeat(requests))));
  return intake.takeRest();
}

it('keeps no memory of a read of which nothing is left, or little', () => {
  expect(restOf(1).buffer.byteLength).toBe(0);
  const rest = restOf(3);
  expect(rest.toString()).toBe(REQUEST.repeat(2));
  expect(rest.buffer.byteLength).toBe(rest.length);
});
