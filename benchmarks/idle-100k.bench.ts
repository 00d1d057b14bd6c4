// What 100,000 idle channels cost in CPU per simulated minute, in the test kit.
// `npm run bench -- idle`. The edge's default is a reader idle time of 120 s: below 50 ms is wanted.
import type { Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { HeartbeatHandler, IdleStateHandler } from '@headrace/handlers';

const CHANNELS = 100_000;
const MINUTES = 10;

function measure(name: string, handlers: () => readonly Handler[], wantedMs?: number): void {
  const clock = new VirtualClock();
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const channels: EmbeddedChannel[] = [];
  for (let i = 0; i < CHANNELS; i++) {
    channels.push(EmbeddedChannel.with({ clock }, ...handlers()));
    // They did not all come in the same millisecond.
    if (i % 100 === 99) clock.advance(60);
  }
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - heapBefore) / CHANNELS;
  const minutes: number[] = [];
  for (let minute = 0; minute < MINUTES; minute++) {
    const before = process.cpuUsage();
    clock.advance(60_000);
    const { user, system } = process.cpuUsage(before);
    minutes.push((user + system) / 1000);
  }
  const mean = minutes.reduce((sum, ms) => sum + ms, 0) / MINUTES;
  const cost = `mean ${ms(mean)}, worst ${ms(Math.max(...minutes))} a minute, ${bytes.toFixed(0)} B a channel`;
  const verdict = wantedMs === undefined ? '' : `; below ${wantedMs} ms: ${mean < wantedMs}`;
  console.log(`${name.padEnd(42)} ${cost}${verdict}`);
  if (channels.some((channel) => !channel.isOpen)) throw new Error('a channel closed');
}

const ms = (value: number): string => `${value.toFixed(1).padStart(6)} ms`;

measure('no handler', () => []);
measure('reader idle 120 s', () => [new IdleStateHandler({ readerIdleMs: 120_000 })], 50);
measure('reader idle 60 s', () => [new IdleStateHandler({ readerIdleMs: 60_000 })]);
measure('reader 60 s, writer 30 s, all 45 s', () => [
  new IdleStateHandler({ readerIdleMs: 60_000, writerIdleMs: 30_000, allIdleMs: 45_000 }),
]);
measure('heartbeat answers only, reader idle 120 s', () => [
  new IdleStateHandler({ readerIdleMs: 120_000 }),
  new HeartbeatHandler(),
]);
