import { PlaceBalance } from '@headrace/client';
import { MemoryNetwork, TlsClientContext } from '@headrace/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressRing } from '../../src/address/address-ring.ts';

/** So many turns, of which each fails. */
function turns(ring: AddressRing<string>, count: number): string[] {
  return Array.from({ length: count }, () => {
    const place = turn(ring);
    ring.failed(place);
    return place;
  });
}

function turn(ring: AddressRing<string>): string {
  if (!ring.hasNext) ring.beginRound();
  return ring.next()!;
}

describe('AddressRing', () => {
  it('gives the places in turn, as they came', () => {
    const ring = new AddressRing<string>('given', Math.random);
    ring.update(['a', 'b', 'c']);
    expect(turns(ring, 5)).toEqual(['a', 'b', 'c', 'a', 'b']);
  });

  it('shuffles once, then goes in turn', () => {
    const firsts = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const ring = new AddressRing<string>('shuffle', Math.random);
      ring.update(['a', 'b', 'c']);
      const order = turns(ring, 6);
      expect(order.slice(3)).toEqual(order.slice(0, 3));
      firsts.add(order.slice(0, 3).join(''));
    }
    expect(firsts.size).toBe(6);
  });

  it('in a new list as given, those that failed come last, the latest at the end', () => {
    const ring = new AddressRing<string>('given', Math.random);
    ring.update(['a', 'b', 'c', 'd']);
    turns(ring, 2);
    ring.update(['b', 'e', 'a', 'd']);
    expect(turns(ring, 4)).toEqual(['e', 'd', 'a', 'b']);
  });

  it('in a new shuffled list, those known keep their turn', () => {
    const ring = new AddressRing<string>('shuffle', () => 0);
    ring.update(['a', 'b', 'c']);
    turns(ring, 1);
    const second = ring.next();
    ring.update(['c', 'b', 'a']);
    expect(ring.next()).toBe(second);
  });

  it('knows places by host, port, path and name', () => {
    const ring = new AddressRing<object>('given', Math.random);
    ring.update([{ host: 'a', port: 1 }, { path: '/x' }]);
    ring.failed({ port: 1, host: 'a' });
    expect(ring.next()).toEqual({ path: '/x' });
    expect(ring.hasNext).toBe(true);
    ring.markTried({ port: 1, host: 'a' });
    expect(ring.hasNext).toBe(false);
    expect(ring.next()).toBeUndefined();
  });

  it('knows places apart by the name of their certificate, their network, and by themselves', () => {
    const [one, other] = [new MemoryNetwork(), new MemoryNetwork()];
    const tls = { servername: 'a' };
    const here = { host: 'h', port: 1 };
    const context = new TlsClientContext(tls);
    const places: object[] = [
      ...[here, { ...here, tls }, { ...here, tls: { servername: 'b' } }, { ...here, tls: context }],
      ...[
        { network: one, name: 'x' },
        { network: other, name: 'x' },
        { network: one, name: 'y' },
      ],
      ...[{ url: 'A' }, { url: 'A' }],
    ];
    const ring = new AddressRing<object>('given', Math.random);
    ring.update(places);
    expect(places.map(() => ring.next())).toEqual(places);
    ring.update([
      { ...here, tls: { servername: 'h' } },
      { network: one, name: 'x' },
    ]);
    ring.markTried({ ...here, tls: { ca: 'an authority' } });
    ring.markTried({ network: one, name: 'x' });
    expect(ring.hasNext).toBe(false);
  });

  it('tries a place last that failed more often than the others, until it was stable', () => {
    const ring = new AddressRing<string>('given', Math.random);
    ring.update(['a', 'b', 'c']);
    for (const place of ['b', 'c', 'a', 'a', 'a']) ring.failed(place);
    expect(turns(ring, 3)).toEqual(['b', 'c', 'a']);
    expect(turns(ring, 3)).toEqual(['b', 'c', 'a']);
    ring.wasStable('a');
    ring.failed('a');
    expect(turns(ring, 3)).toEqual(['a', 'b', 'c']);
  });

  it('gives a place back whose try was given up', () => {
    const ring = new AddressRing<string>('given', Math.random);
    ring.update(['a', 'b']);
    expect([ring.next(), ring.next()]).toEqual(['a', 'b']);
    ring.giveBack('a');
    expect([ring.next(), ring.next()]).toEqual(['a', undefined]);
  });

  it('gives the place with the fewest connections of others, but not when the order is given', () => {
    const balance = new PlaceBalance();
    for (const place of ['a', 'a', 'b']) balance.add(place);
    const shuffled = new AddressRing<string>('shuffle', () => 0, balance);
    shuffled.update(['a', 'b', 'c']);
    expect([turn(shuffled), turn(shuffled), turn(shuffled)]).toEqual(['c', 'b', 'a']);
    const given = new AddressRing<string>('given', () => 0, balance);
    given.update(['a', 'b', 'c']);
    expect([turn(given), turn(given), turn(given)]).toEqual(['a', 'b', 'c']);
    balance.remove('a');
    balance.remove('a');
    expect(balance.connectionsTo('a')).toBe(0);
  });

  it('always has the places of the last list, whatever failed', () => {
    const list = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1 });
    const act = fc.oneof(list, fc.constant('fail' as const));
    fc.assert(
      fc.property(
        fc.constantFrom('given', 'shuffle'),
        list,
        fc.array(act),
        (order, first, acts) => {
          const ring = new AddressRing<string>(order as 'given', Math.random);
          ring.update(first);
          let last = first;
          for (const one of acts) {
            if (one === 'fail') turns(ring, 1);
            else {
              last = one;
              ring.update(last);
            }
          }
          ring.beginRound();
          expect(turns(ring, last.length).toSorted()).toEqual(last.toSorted());
        },
      ),
    );
  });

  it('remembers rests of its own places only, and only while they last', () => {
    let now = 0;
    const ring = new AddressRing<string>('given', Math.random, undefined, () => now);
    ring.update(['a', 'b']);
    ring.rest('a', 1000);
    ring.rest('b', 500);
    ring.rest('named once', 10);
    expect(ring.hasNext).toBe(false);
    expect(ring.restMs).toBe(500);
    expect(ring.next()).toBe('b');
    ring.beginRound();
    now = 600;
    expect(turns(ring, 1)).toEqual(['b']);
    ring.rest('a', 0);
    expect(ring.restMs).toBe(0);
    ring.update(['a', 'named once']);
    expect(ring.restMs).toBe(0);
    expect((ring as unknown as { rests: Map<string, number> }).rests.size).toBe(0);
  });

  it('remembers failures of its own places only', () => {
    const ring = new AddressRing<string>('given', Math.random);
    ring.update(['a', 'b']);
    ring.failed('named once');
    ring.lost('named once', false);
    ring.update(['named once', 'a']);
    expect(turn(ring)).toBe('named once');
  });
});
