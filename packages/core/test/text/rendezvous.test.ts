import { expect, it } from 'vitest';
import { rendezvous } from '../../src/text/rendezvous.ts';

const choose = (nodes: readonly string[], key: string) => rendezvous(nodes, key, (node) => node);

it('spreads keys evenly, and moves only those of the node that goes', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => name.repeat(32));
  const keys = Array.from({ length: 20_000 }, (_, i) => `gateway:${i}`);
  const counts = new Map<string, number>();
  for (const key of keys) {
    const node = choose(nodes, key)!;
    counts.set(node, (counts.get(node) ?? 0) + 1);
    expect(choose([...nodes].reverse(), key)).toBe(node);
    const left = nodes.slice(1);
    if (node !== nodes[0]) expect(choose(left, key)).toBe(node);
  }
  for (const count of counts.values()) expect(Math.abs(count - 5000)).toBeLessThan(300);
  expect(choose([], 'key')).toBeUndefined();
});
