import {
  FixedLengthFrameDecoder,
  JsonCodec,
  LineFrameDecoder,
  lengthPrefixed,
  StringCodec,
  varintPrefixed,
} from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { EchoHandler } from '../../src/echo/echo-handler.ts';
import { IdleStateHandler } from '../../src/idle/idle-state-handler.ts';

const frames = () => lengthPrefixed({ maxFrameLength: 1000 });
/** Keeps what it reads, as a handler of an application may. */
const keeping = (): Handler => ({ channelRead: () => {} });

const lends = (handlers: readonly Handler[]): boolean =>
  new EmbeddedChannel(...handlers).embedded.sink.keepsNoReads === true;

// The speed of servers depends on this, and no behaviour shows it.
it.each<[string, () => readonly Handler[]]>([
  ['an echo', () => [new EchoHandler()]],
  ['frames and an echo', () => [...frames(), new EchoHandler()]],
  [
    'idle detection of reads, frames and an echo',
    () => [new IdleStateHandler({ readerIdleMs: 1000 }), ...frames(), new EchoHandler()],
  ],
  [
    'idle detection of reads and writes, frames and an echo',
    () => [new IdleStateHandler({ allIdleMs: 1000 }), ...frames(), new EchoHandler()],
  ],
  [
    'texts in frames',
    () => [new IdleStateHandler({ readerIdleMs: 1000 }), ...frames(), new StringCodec(), keeping()],
  ],
  ['lines', () => [new LineFrameDecoder({ maxLength: 80 }), new StringCodec(), keeping()]],
  ['JSON', () => [...varintPrefixed({ maxFrameLength: 1000 }), new JsonCodec(), keeping()]],
  ['fixed lengths', () => [new FixedLengthFrameDecoder({ frameLength: 8 }), new EchoHandler()]],
])('reads of a pipeline are lent: %s', (_name, handlers) => {
  expect(lends(handlers())).toBe(true);
});

it('reads of a pipeline are not lent if an application sees the bytes', () => {
  expect(lends([...frames(), keeping()])).toBe(false);
});
