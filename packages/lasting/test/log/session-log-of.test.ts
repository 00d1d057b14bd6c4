import { memoryBus, openBus } from '@headrace/bus';
import { meshBus } from '@headrace/bus/mesh';
import { isHeadraceError, silentLogger } from '@headrace/core';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { sessionLogOf } from '@headrace/lasting/log';
import { expect, it } from 'vitest';
import { HubLog } from './hub-log.ts';

const FIRST = { after: undefined, replaces: true };

it('processes with the same app have the same log over their buses', async () => {
  const clock = new VirtualClock();
  const place = new HubLog();
  const [one, two] = [place.reached(clock), place.reached(clock)];
  await passTime(clock, 100);
  const revision = await one.append('x', Buffer.from('one'), FIRST);
  const found = await two.read('x');
  expect(found?.records.map(String)).toEqual(['one']);
  const next = { after: found!.revision, replaces: false };
  expect(await two.append('x', Buffer.from('two'), next)).toBeDefined();
  expect(await one.append('x', Buffer.from('three'), { ...next, after: revision })).toBe(undefined);
  await two.remove('x', (await two.read('x'))!.revision);
  expect(await one.read('x')).toBe(undefined);
  await place.end();
});

it('fails at once while the bus is down or was never opened, and says which', async () => {
  const closed = sessionLogOf(memoryBus(), { app: 'test' });
  await expect(closed.read('x')).rejects.toThrow(
    'the bus memory: is not open: Cluster.join({ bus }) or openBus(bus) opens it',
  );
  const clock = new VirtualClock();
  const place = new HubLog();
  const log = place.reached(clock);
  await expect(log.append('x', Buffer.from('one'), FIRST)).rejects.toThrow('is down');
  await passTime(clock, 100);
  expect(await log.append('x', Buffer.from('one'), FIRST)).toBeDefined();
  place.kill();
  await expect(log.read('x')).rejects.toThrow('is down');
  await place.end();
});

it('refuses a bus that keeps nothing, and names those that do', () => {
  const bus = meshBus({ port: 7700, host: '127.0.0.1' });
  let thrown: unknown;
  try {
    sessionLogOf(bus, { app: 'test' });
  } catch (error) {
    thrown = error;
  }
  expect(isHeadraceError(thrown, 'OPTION_CONFLICT')).toBe(true);
  expect(String(thrown)).toMatch(/memoryBus\(\), processBus\(\), natsBus\(\) and redisBus\(\) do/);
});

it('a bus is opened once', () => {
  const bus = memoryBus();
  const options = { app: 'test', logger: silentLogger, clock: new VirtualClock() };
  expect(openBus(bus, options)).toBe(bus);
  expect(() => openBus(bus, options)).toThrow('is in use');
});
