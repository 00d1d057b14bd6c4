import type { NodeInfo } from '@headrace/cluster';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseRoute } from '../../src/route/route-choice.ts';

function node(port: number, options: Partial<NodeInfo> = {}): NodeInfo {
  const address = { host: '10.0.0.1', port };
  const status = { state: 'ready', life: 'alive', connections: 0, load: 0, roles: [] } as const;
  return { id: String(port), address, ...status, ...options };
}

/** Gives these numbers, in turn. */
function numbers(...values: number[]): () => number {
  let at = -1;
  return () => {
    at += 1;
    return values[at % values.length]!;
  };
}

describe('chooseRoute', () => {
  it('names nodes that are ready, alive and reachable', () => {
    const nodes = [
      node(1),
      node(2, { state: 'draining' }),
      node(3, { life: 'suspect' }),
      node(4, { address: undefined }),
      node(5, { life: 'gone' }),
      node(6),
    ];
    expect(chooseRoute(nodes, 10, numbers(0)).map(({ port }) => port)).toEqual([1, 6]);
  });

  it('takes the one with fewer connections of two that are drawn', () => {
    const nodes = [node(1, { connections: 9 }), node(2, { connections: 3 }), node(3)];
    expect(chooseRoute(nodes, 1, numbers(0, 0.4))).toEqual([
      { host: '10.0.0.1', port: 2, connections: 3 },
    ]);
  });

  it('takes the less loaded one of two with as many connections', () => {
    const nodes = [node(1, { load: 0.9 }), node(2, { load: 0.1 })];
    expect(chooseRoute(nodes, 1, numbers(0, 0.9))[0]?.port).toBe(2);
  });

  it('names no node twice, and as many as there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100), { maxLength: 12 }),
        fc.integer({ min: 1, max: 64 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (connections, count, stream) => {
          const nodes = connections.map((many, i) => node(i + 1, { connections: many }));
          const ports = chooseRoute(nodes, count, () => stream.next().value as number).map(
            ({ port }) => port,
          );
          expect(new Set(ports).size).toBe(ports.length);
          expect(ports.length).toBe(Math.min(count, nodes.length));
        },
      ),
    );
  });

  it('spreads a herd: the least loaded node of ten gets less than a third of it', () => {
    const nodes = Array.from({ length: 10 }, (_, i) => node(i + 1, { connections: i * 100 }));
    let seed = 1;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const counts = new Map<number, number>();
    for (let i = 0; i < 10_000; i++) {
      const { port } = chooseRoute(nodes, 1, random)[0]!;
      counts.set(port, (counts.get(port) ?? 0) + 1);
    }
    expect(counts.get(1)).toBeGreaterThan(1500);
    expect(counts.get(1)).toBeLessThan(3333);
    expect(counts.get(10)).toBeLessThan(300);
  });
});
