import { type Bus, memoryBus } from '@headrace/bus';
import { OptionError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { scriptedBus } from '../../../bus/test/bus/scripted-engine.ts';
import { logOf, provideStores, recordsOf, statesOf } from '../../src/stores/bus-stores.ts';

describe('provideStores', () => {
  it('refuses a bus that has stores, and says when to call it', () => {
    const bus = memoryBus();
    expect(logOf(bus)).toBeDefined();
    expect(() => provideStores(bus, {})).toThrow(
      /has stores already: call provideStores once, before logOf or a group$/,
    );
  });

  it('refuses a bus whose links it would never see', () => {
    const bus = { name: 'own:' } as Bus;
    expect(() => provideStores(bus, {})).toThrow('the bus own: reports no links');
    expect(logOf(bus)).toBeUndefined();
  });
});

describe('the stores of a bus whose package is missing', () => {
  it.each(['before', 'after'])('say so in each call, made %s the bus is open', async (when) => {
    const { engine, bus, open, pass } = scriptedBus();
    const text = 'the package x is not installed: npm install x';
    engine.fault = new OptionError('OPTION_INVALID', text, {});
    const link = () => ({}) as never;
    const provide = () =>
      provideStores(bus, { openLog: link, openStates: link, openRecords: link });
    if (when === 'before') provide();
    await open();
    if (when === 'after') provide();
    const calls = [
      logOf(bus)!.open('stream', { messages: 10, ageMs: 1000 }),
      statesOf(bus)!.open('state', { keys: 10, bytes: 1000, removals: 10, removalAgeMs: 1000 }),
      recordsOf(bus)!.open('records', { keepMs: 1000 }),
    ].map((call) =>
      call.then(
        () => 'no error',
        (error: Error) => error.message,
      ),
    );
    await pass(6000);
    for (const call of calls) expect(await call).toBe(`the bus scripted: cannot work: ${text}`);
  });
});
