import { type KnownOrStranger, StrangersFirst } from '@headrace/core/authoring';
import { expect, it } from 'vitest';

class Holder implements KnownOrStranger {
  network = '';
  isStranger = false;
  isKnown: boolean;
  readonly placeId: string;
  constructor(placeId: string, isKnown = false) {
    this.placeId = placeId;
    this.isKnown = isKnown;
  }
}

/** A table with holders, each written as `name@network`; a `!` marks one that is known. */
function tableOf(...holders: readonly string[]): StrangersFirst<Holder> {
  const table = new StrangersFirst<Holder>();
  for (const text of holders) {
    const [id = '', network] = text.replace('!', '').split('@');
    table.add(new Holder(id, text.includes('!')), network);
  }
  return table;
}

/** The order in which places are given up. */
function order(table: StrangersFirst<Holder>): string {
  const ids: string[] = [];
  for (let next = table.first; next !== undefined; next = table.first) {
    ids.push(next.placeId);
    table.remove(next);
  }
  return ids.join(' ');
}

it('gives up the oldest stranger of the network that has most', () => {
  expect(order(tableOf('a@1', 'b@2', 'c@2', 'd@2', 'e@3'))).toBe('b c a e d');
});

it('gives up those that are known after all strangers', () => {
  const table = tableOf('a!@1', 'b!@1', 'c@2');
  expect(table.firstStranger?.placeId).toBe('c');
  expect(order(table)).toBe('c a b');
  expect(tableOf('a!@1').firstStranger).toBeUndefined();
});

it('counts one that becomes known among the known', () => {
  const table = tableOf('a@1', 'b@1', 'c@2');
  table.first!.isKnown = true;
  expect(order(table)).toBe('c b a');
});

it('finds the oldest stranger of a network that has too many', () => {
  const table = tableOf('a@1', 'b@1', 'c!@1', 'd', 'e');
  expect(table.excessOf('1', 1)?.placeId).toBe('a');
  expect(table.excessOf('1', 2)).toBeUndefined();
  expect(table.excessOf(undefined, 1)).toBeUndefined();
  expect(table.all.length).toBe(5);
  expect(table.size).toBe(5);
});
