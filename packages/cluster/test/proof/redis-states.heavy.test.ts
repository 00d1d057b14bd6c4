// State groups over Redis while its server fails.
import { setTimeout as delay } from 'node:timers/promises';
import { redisBus } from '@headrace/bus/redis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BusServer, missing, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { absentSentinel, Sentinels } from './sentinels.ts';
import { type States, WrittenStates } from './written-states.ts';

const absent = missing(REDIS_SERVER);

function expectMembersHaveWhatIsStored({ stored, members, written, disordered }: States): void {
  expect(members).toEqual(members.map(() => stored));
  expect(stored).toMatchObject(written);
  expect(disordered).toBe(0);
}

describe.runIf(absent === '')(`state groups over a real redis-server${absent}`, () => {
  it('lose and repeat nothing when the server is killed, twice', async () => {
    const server = await BusServer.start(REDIS_SERVER);
    onTestFinished(() => server.end());
    const bus = () => redisBus({ url: `redis://127.0.0.1:${server.port}` });
    const states = await WrittenStates.start([bus(), bus()]);
    for (const awayMs of [500, 7000]) {
      await delay(2000);
      const next = states.inNextEpoch();
      await server.kill();
      await delay(awayMs);
      await server.start();
      await next;
    }
    await delay(1000);
    const result = await states.end(bus());
    expectMembersHaveWhatIsStored(result);
    const { stored, added, unknown, epochs } = result;
    // Some were not acknowledged for 5 s, and can be stored.
    expect(added).toBeGreaterThan(50);
    expect(stored['shared']).toBeGreaterThanOrEqual(added);
    expect(stored['shared']).toBeLessThanOrEqual(added + unknown);
    // One for each run of the server.
    expect(epochs).toBe(3);
  });

  it('give their members what is stored, when the server has lost everything', async () => {
    const server = await BusServer.start(REDIS_SERVER, '--appendonly', 'no');
    onTestFinished(() => server.end());
    const bus = () => redisBus({ url: `redis://127.0.0.1:${server.port}` });
    const states = await WrittenStates.start([bus(), bus()]);
    await delay(2000);
    const next = states.inNextEpoch();
    await server.kill();
    await server.start();
    await next;
    const result = await states.end(bus());
    expectMembersHaveWhatIsStored(result);
    expect(result.stored['shared']).toBeLessThan(result.added);
  });
});

describe.runIf(absentSentinel === '')(`state groups over Sentinels${absentSentinel}`, () => {
  it('give their members what is stored, when the master is killed, twice', async () => {
    const redis = await Sentinels.start();
    onTestFinished(() => redis.end());
    const states = await WrittenStates.start([0, 1, 2].map((place) => redis.bus(place)));
    const masters = new Set<BusServer>();
    let young = 0;
    for (let round = 0; round < 2; round += 1) {
      await delay(2000);
      const master = await redis.master();
      masters.add(master);
      const { added } = states;
      await delay(1000);
      const next = states.inNextEpoch();
      await master.kill();
      young += states.added - added;
      await next;
      await master.start();
      await redis.whole();
    }
    const result = await states.end(redis.bus(0));
    expect(masters.size).toBe(2);
    expectMembersHaveWhatIsStored(result);
    const { stored, added, unknown, epochs } = result;
    // Redis acknowledges before a replica has the change: changes of the last second before a kill can be lost, and no older ones.
    expect(stored['shared']).toBeGreaterThanOrEqual(added - young);
    expect(stored['shared']).toBeLessThanOrEqual(added + unknown);
    expect(epochs).toBe(3);
  }, 120_000);
});
