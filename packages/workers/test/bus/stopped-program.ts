// A primary that publishes to two workers on the process bus without a pause, and reports each second what it holds and
// what they have heard, for stopped-worker.figures.heavy.test.ts, which stops one of them.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { processRelay } from '@headrace/bus/authoring';
import { silentLogger, systemClock } from '@headrace/core';
import { processBus, runWorkers } from '@headrace/workers';

const print = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
const SIZE = 4096;

const bus = processBus();
bus.open({ clock: systemClock, logger: silentLogger, random: Math.random, probe: randomUUID() });
if (bus.state === 'down') await once(bus as never, 'up');

const workers = await runWorkers({
  count: 2,
  logger: silentLogger,
  start: async ({ number }) => {
    let heard = 0;
    bus.subscribe('all', (bytes) => {
      heard += 1;
      bus.publish('heard', Buffer.from(`${number} ${heard} ${bytes.toString('latin1', 0, 24)}`));
    });
    await bus.settled();
    return { drain: () => {} };
  },
});

const heard: Record<string, number> = { 1: 0, 2: 0 };
/** The longest way of a message to a worker and back, since the last report. */
const worstMs: Record<string, number> = { 1: 0, 2: 0 };
bus.subscribe('heard', (bytes) => {
  const [number = '', count, sentAt] = String(bytes).split(' ');
  heard[number] = Number(count);
  worstMs[number] = Math.max(worstMs[number]!, performance.now() - Number(sentAt));
});
await bus.settled();

let published = 0;
const message = Buffer.alloc(SIZE);
setInterval(() => {
  for (let i = 0; i < 8; i++) {
    message.write(performance.now().toFixed(3).padEnd(24), 'latin1');
    bus.publish('all', message);
    published += 1;
  }
}, 5);

setInterval(() => {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const list = workers.list();
  // Of a worker by its place: node:cluster numbers them alike, while none was replaced.
  const waiting = Object.fromEntries([1, 2].map((id) => [id, processRelay().waitingFor(id)]));
  const dropped = Object.fromEntries(
    list.map(({ number, droppedMessages }) => [number, droppedMessages]),
  );
  print({
    type: 'report',
    held: heapUsed + external,
    rss,
    published,
    heard,
    worstMs,
    waiting,
    dropped,
  });
  worstMs[1] = 0;
  worstMs[2] = 0;
}, 1000);
print({ type: 'ready', list: workers.list() });
