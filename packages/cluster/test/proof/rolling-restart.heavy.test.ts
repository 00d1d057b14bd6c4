import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { noteFigures } from '../../../core/test/fixture/figure.ts';
import { DurableWorld } from './durable-world.ts';

const NODES = 3;
const DRAIN = { drainTimeoutMs: 5000, spreadMs: 2000, batch: 200 };
/** For what hangs only: clients try again each 4 s at the latest. */
const BACK_WITHIN_MS = 60_000;

const absent = missing(NATS_SERVER);
let world: DurableWorld | undefined;

afterEach(async () => {
  await world?.end();
});

describe.runIf(absent === '')(`a rolling restart of all nodes${absent}`, () => {
  it('lets none of the 3,000 of a durable room miss or double a message', async () => {
    world = await DurableWorld.start(NODES);
    const all = world;
    const { clientCount } = all;
    await all.startClients();
    await all.order('startLoad');
    await delay(1000);
    await all.order('watch');
    const old = all.nodes.splice(0);
    const began = performance.now();
    const startMs: number[] = [];
    const drainMs: number[] = [];
    for (const node of old) {
      // Its successor takes clients before it sends its own away.
      const starts = performance.now();
      await all.addNode();
      const leaves = performance.now();
      startMs.push(Math.round(leaves - starts));
      await node.ask('leave', DRAIN);
      drainMs.push(Math.round(performance.now() - leaves));
      await node.kill();
    }
    await expect
      .poll(() => all.report(), { timeout: BACK_WITHIN_MS, interval: 100 })
      .toMatchObject({ online: clientCount });
    const restartMs = performance.now() - began;
    await all.order('stopLoad');

    const complete = { missed: 0, unacknowledged: 0, online: clientCount };
    await expect.poll(() => all.report(), { timeout: 60_000 }).toMatchObject(complete);
    const report = await all.report();
    noteFigures('rolling restart', { startMs, drainMs, restartMs, report });
    expect(report).toMatchObject({ ...complete, doubled: 0, unrecovered: 0 });
    const sizes = await Promise.all(all.nodes.map((node) => node.ask<number>('size')));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(clientCount);
    // Each was sent away at least once, and all the nodes are new.
    expect(report.lost).toBe(clientCount);
  });
});
