import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { Work } from '../../src/call/index.ts';

function workOf() {
  const lines: string[] = [];
  const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
  const channel = EmbeddedChannel.with({ logger });
  return { work: new Work(channel, 1, undefined), lines };
}

/** The runtime throws what listeners throw in a later turn. */
const turns = async () => {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
};

it('an abort listener that throws or rejects is logged, and the others are called', async () => {
  const { work, lines } = workOf();
  let called = 0;
  const { signal } = work;
  signal.addEventListener('abort', () => {
    throw new Error('thrown');
  });
  signal.addEventListener('abort', async () => {
    await turns();
    throw new Error('rejected');
  });
  signal.addEventListener('abort', {
    handleEvent() {
      throw new Error('of an object');
    },
  });
  signal.onabort = () => {
    throw new Error('of onabort');
  };
  signal.addEventListener('abort', () => (called += 1), { once: true });
  work.abort(new Error('gone'));
  await turns();
  await turns();
  expect(called).toBe(1);
  expect(lines.map((line) => line.replace(/^error .* an abort listener failed: /, ''))).toEqual([
    'thrown',
    'of an object',
    'of onabort',
    'rejected',
  ]);
});

it('its signal is a signal like others: listeners are removed, once, and it is taken by the runtime', async () => {
  const { work } = workOf();
  let called = 0;
  const listener = () => (called += 1);
  const { signal } = work;
  signal.addEventListener('abort', listener);
  signal.addEventListener('abort', listener);
  signal.removeEventListener('abort', listener);
  signal.onabort = listener;
  signal.onabort = null;
  // Bun warns of it, which no test may.
  if (process.versions['bun'] === undefined) signal.addEventListener('abort', null as never);
  const any = AbortSignal.any([signal]);
  const waiting = expect(
    fetch('http://127.0.0.1:1/', { signal }).catch((error: Error) => error.message),
  ).resolves.toBe('gone');
  work.abort(new Error('gone'));
  await waiting;
  expect([called, any.aborted, signal instanceof AbortSignal]).toEqual([0, true, true]);
  expect((signal.reason as Error).message).toBe('gone');
});
