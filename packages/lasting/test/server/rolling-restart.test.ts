import { spread } from '@headrace/client';
import { type Channel, type Context, MemoryNetwork } from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { LinkResumedEvent, type SessionLog } from '@headrace/lasting';
import { memorySessionLog } from '@headrace/lasting/log';
import { expect, it } from 'vitest';
import { connectLasting } from '../client/lasting-world.ts';
import { Process, type ProcessWorld } from './two-processes.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const CLIENTS = 500;
/** Time of each call of the log. */
const LOG_MS = 20;
const STEP_MS = 10;
/** Time between the end of a process and the begin of the next one at its place. */
const DOWN_MS = 500;

/** A log whose calls take time. */
function slowLog(clock: VirtualClock): SessionLog {
  const log = memorySessionLog({ clock });
  const taken = () => new Promise<void>((resolve) => clock.schedule(resolve, LOG_MS));
  return {
    keepMs: log.keepMs,
    read: async (id) => {
      await taken();
      return log.read(id);
    },
    append: async (...call) => {
      await taken();
      return log.append(...call);
    },
    remove: async (...call) => {
      await taken();
      await log.remove(...call);
    },
  };
}

it(`${CLIENTS} clients are in silence for less than a second by a rolling restart of ${NAMES.length} processes`, async () => {
  const clock = new VirtualClock();
  const network = new MemoryNetwork();
  const world: ProcessWorld = { clock, network, settle: () => settle(clock) };
  const log = slowLog(clock);
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += STEP_MS) await passTime(clock, STEP_MS);
  };
  const start = async (name: string): Promise<Process> => {
    const process = new Process(world, name, { log });
    process.serve = () => [
      { channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(Buffer.from(bytes)) },
    ];
    await process.up();
    return process;
  };
  const processes = new Map<string, Process>();
  for (const name of NAMES) processes.set(name, await start(name));

  let longestMs = 0;
  let resumed = 0;
  let answered = 0;
  const clients: Channel[] = [];
  const connecting = Array.from({ length: CLIENTS }, (_, number) => {
    // Of other clients, each has another order of the places and another phase.
    let draws = number;
    const random = (): number => {
      draws += 1;
      return (draws * 0.618) % 1;
    };
    return connectLasting(
      {
        channelRead: () => {
          answered += 1;
        },
        userEventTriggered: (_ctx: Context, event: unknown) => {
          if (!(event instanceof LinkResumedEvent)) return;
          resumed += 1;
          longestMs = Math.max(longestMs, event.awayMs);
        },
      },
      { clock, addresses: NAMES.map((name) => ({ network, name })), retry: spread(), random },
    );
  });
  await pass(1000);
  for (const client of connecting) clients.push(await client);

  const heard = async (): Promise<void> => {
    answered = 0;
    for (const client of clients) client.writeAndFlush(Buffer.from('here'));
    await pass(200);
    expect(answered).toBe(CLIENTS);
  };
  await heard();
  for (const name of NAMES) {
    const process = processes.get(name)!;
    const { size } = process.table;
    const over = process.table.handOver();
    await pass(1000);
    expect(await over).toEqual({ moved: size, failed: 0, failures: [] });
    expect(size).toBeGreaterThan(0);
    await process.kill();
    process.table.close();
    await pass(DOWN_MS);
    await heard();
    processes.set(name, await start(name));
  }
  expect(resumed).toBeGreaterThanOrEqual(CLIENTS);
  expect(longestMs).toBeLessThan(1000);

  for (const client of clients) client.close();
  await pass(1000);
  for (const process of processes.values()) {
    await process.down();
    process.table.close();
  }
  await passTime(clock, 700_000);
});
