// A message on the bus between the processes of node:cluster: what the primary needs to relay it, from one worker to two,
// and what it needs to publish one itself. The workers take the messages while they come, as over a socket.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { silentLogger, systemClock } from '@headrace/core';
import { processBus, runWorkers } from '@headrace/workers';
import { report } from './measure.mjs';

const MESSAGES = 200_000;
const SIZE = 128;
/** Of messages nobody has reported yet. */
const MAX_AHEAD = 4000;
const EVERY = 500;

const bus = processBus();
bus.open({ clock: systemClock, logger: silentLogger, random: Math.random, probe: randomUUID() });
if (bus.state === 'down') await once(bus, 'up');

/** Publishes to the workers that hear, and resolves when each has had everything. */
async function publish(subject) {
  const heard = [0, 0, 0];
  const counts = bus.subscribe('counts', (bytes) => {
    const [number, count] = String(bytes).split(' ').map(Number);
    heard[number] = count;
  });
  await bus.settled();
  const bytes = Buffer.alloc(SIZE, 'a');
  for (let sent = 1; sent <= MESSAGES; sent += 1) {
    bus.publish(subject, bytes);
    if (sent % EVERY === 0) while (sent - Math.min(heard[1], heard[2]) > MAX_AHEAD) await tick();
  }
  while (Math.min(heard[1], heard[2]) < MESSAGES) await tick();
  counts.close();
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

async function work(number) {
  if (number <= 2) {
    let count = 0;
    const hear = () => {
      count += 1;
      if (count % EVERY === 0) bus.publish('counts', Buffer.from(`${number} ${count}`));
      if (count === MESSAGES) count = 0;
    };
    bus.subscribe('all', hear);
  } else {
    bus.subscribe('begin', async () => {
      await publish('all');
      bus.publish('end', Buffer.from('end'));
    });
  }
  await bus.settled();
  return { drain() {} };
}

const workers = await runWorkers({
  count: 3,
  logger: silentLogger,
  start: ({ number }) => work(number),
});
const relayed = async () => {
  const end = new Promise((resolve) => {
    const ends = bus.subscribe('end', () => {
      ends.close();
      resolve();
    });
  });
  await bus.settled();
  bus.publish('begin', Buffer.from('begin'));
  await end;
};
const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
for (const [name, run] of [
  ['the primary relays from a worker to two', relayed],
  ['the primary publishes to two workers', () => publish('all')],
]) {
  const cpu = [];
  const rates = [];
  for (let round = -2; round < rounds; round += 1) {
    const before = process.cpuUsage();
    const since = performance.now();
    await run();
    const ms = performance.now() - since;
    const { user, system } = process.cpuUsage(before);
    if (round < 0) continue;
    cpu.push((user + system) / MESSAGES);
    rates.push((MESSAGES / ms) * 1000);
  }
  report(name, 'µs of CPU in the primary per message', cpu);
  // Says more about the machine, and what else it does.
  console.error(`${name}: ${rates.map(Math.round).join(', ')} messages per second`);
}
workers.stop();
