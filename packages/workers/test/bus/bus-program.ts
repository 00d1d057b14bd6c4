// Nodes on the process bus: the primary and two workers. Each publishes COUNT messages to all; prints what it heard.
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger, systemClock } from '@headrace/core';
import { logOf } from '@headrace/store';
import { processBus, runWorkers } from '@headrace/workers';

const { COUNT = '1000', SIZE = '100' } = process.env;
const count = Number(COUNT);
const print = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

async function node(name: string): Promise<void> {
  const bus = processBus();
  bus.open({ clock: systemClock, logger: silentLogger, random: Math.random, probe: randomUUID() });
  if (bus.state === 'down') await once(bus as never, 'up');
  const last = new Map<string, number>();
  let got = 0;
  let isInOrder = true;
  bus.subscribe('all', (bytes) => {
    const [from = '', number] = String(bytes).split(' ');
    isInOrder &&= (last.get(from) ?? 0) + 1 === Number(number);
    last.set(from, Number(number));
    got += 1;
  });
  bus.subscribe(`to.${name}`, () => {});
  await bus.settled();
  while ((await bus.receivers('all')) < 3) await delay(20);
  const since = performance.now();
  const cpu = process.cpuUsage();
  const rest = ' '.repeat(Number(SIZE));
  for (let i = 1; i <= count; i++) {
    bus.publish('all', Buffer.from(`${name} ${i} ${rest}`));
    if (i % 500 === 0) while (got < i * 3 - 6000) await new Promise((next) => setImmediate(next));
  }
  while (got < 3 * count) await delay(2);
  const ms = performance.now() - since;
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = Math.round((user + system) / 1000);
  const others = await bus.receivers('to.nobody');
  // Open, so that it stays in the others' count.
  await logOf(bus)!.open('s', { messages: 10, ageMs: 60_000 });
  const { offset } = await logOf(bus)!.append('s', name, Buffer.from(name));
  print({
    node: name,
    got,
    isInOrder,
    others,
    state: bus.state,
    offset,
    ms: Math.round(ms),
    cpuMs,
  });
}

const working = cluster.isWorker ? Promise.resolve() : node('primary');
await runWorkers({
  count: 2,
  logger: silentLogger,
  start: async ({ number }) => {
    void node(`worker${number}`);
    return { drain: () => {} };
  },
});
await working;
