import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { figures, noteFigures } from '../../../core/test/fixture/figure.ts';
import { DurableWorld } from './durable-world.ts';
import type { NodeProcess } from './node-process.ts';

const BEFORE_MS = 2000;
const PRESENCE_WITHIN_MS = 6000;
/** How late the answer of a busy node may be. */
const ASKED_WITHIN_MS = 500;
/** With ten messages a second, and a third of those who write away; longer than a busy machine makes it. */
const MAX_PAUSE_MS = 3000;
/** For what hangs only: clients try again each 4 s at the latest. */
const BACK_WITHIN_MS = 60_000;
const BOUNDS = {
  'presence ms': { below: PRESENCE_WITHIN_MS + ASKED_WITHIN_MS },
  'pause ms': { below: MAX_PAUSE_MS },
};

const absent = missing(NATS_SERVER);
let world: DurableWorld | undefined;

afterEach(async () => {
  await world?.end();
});

describe.runIf(absent === '')(`a node that is killed${absent}`, () => {
  const measure = async () => {
    await world?.end();
    world = await DurableWorld.start(3);
    const { clientCount, nodes } = world;
    const all = world;
    await all.startClients();
    const [killed, ...others] = nodes as [NodeProcess, ...NodeProcess[]];
    const node = await killed.ask<string>('nodeId');
    const presence = () =>
      Promise.all(
        others.map((one) => one.ask<{ ids: number; there: number }>('presence', { node })),
      );
    const there = await killed.ask<number>('size');
    expect(there).toBeGreaterThan(clientCount / 10);
    const together = others.map(() => ({ ids: clientCount, there }));
    await expect.poll(presence, { timeout: BACK_WITHIN_MS }).toEqual(together);
    await all.order('startLoad');
    await delay(BEFORE_MS);
    await all.order('watch');

    await killed.kill();
    const killedAt = performance.now();
    const isGone = async () => (await presence()).every((one) => one.there === 0);
    await expect.poll(isGone, { timeout: BACK_WITHIN_MS, interval: 50 }).toBe(true);
    const presenceMs = performance.now() - killedAt;
    await expect
      .poll(() => all.report(), { timeout: BACK_WITHIN_MS, interval: 100 })
      .toMatchObject({ online: clientCount });
    const backMs = performance.now() - killedAt;
    const { pauseMs, lost } = await all.report();
    await delay(1000);
    await all.order('stopLoad');

    const complete = { missed: 0, unacknowledged: 0, online: clientCount };
    await expect.poll(() => all.report(), { timeout: BACK_WITHIN_MS }).toMatchObject(complete);
    const report = await all.report();
    noteFigures('killed node', { there, presenceMs, backMs, pauseMs, lost, report });
    expect(report).toMatchObject({ ...complete, doubled: 0, unrecovered: 0 });
    expect(lost).toBe(there);
    const after = others.map(() => ({ ids: clientCount, there: 0 }));
    await expect.poll(presence, { timeout: BACK_WITHIN_MS }).toEqual(after);
    return { 'presence ms': presenceMs, 'pause ms': pauseMs };
  };

  it('delays no other member, and each of the 3,000 members of a durable room gets each message once', () =>
    figures('a node that is killed', BOUNDS, measure));
});
