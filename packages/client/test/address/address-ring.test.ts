import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressRing } from '../../src/address/address-ring.ts';

function turns(ring: AddressRing<string>, count: number): string[] {
  return Array.from({ length: count }, () => {
    const place = ring.current!;
    ring.failed(place);
    return place;
  });
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
    const [, second] = turns(ring, 1).concat(ring.current!);
    ring.update(['c', 'b', 'a']);
    expect(ring.current).toBe(second);
  });

  it('knows places by host, port, path and name', () => {
    const ring = new AddressRing<object>('given', Math.random);
    ring.update([{ host: 'a', port: 1 }, { path: '/x' }]);
    ring.failed({ port: 1, host: 'a' });
    expect(ring.current).toEqual({ path: '/x' });
    expect(ring.isRoundOver).toBe(false);
    ring.failed({ path: '/x' });
    expect(ring.isRoundOver).toBe(true);
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
            if (one === 'fail') ring.failed(ring.current!);
            else {
              last = one;
              ring.update(last);
            }
          }
          expect(turns(ring, last.length).toSorted()).toEqual(last.toSorted());
        },
      ),
    );
  });
});
