import { type Bus, memoryBus } from '@headrace/bus';
import { describe, expect, it } from 'vitest';
import { logOf, provideStores } from '../../src/stores/bus-stores.ts';

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
