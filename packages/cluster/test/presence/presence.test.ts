import { describe, expect, it, vi } from 'vitest';
import { Nodes } from '../nodes.ts';

/** Together more than the bus gets before it has shown that it passed on what came before. */
const IDS = Array.from({ length: 4000 }, (_, i) => `${i}`.padEnd(120, 'x'));

describe('a large presence', () => {
  it.each([
    ['is lost', () => new Promise<number>(() => {})],
    [
      'cannot be asked for',
      (): never => {
        throw new Error('no such command');
      },
    ],
  ])('goes out whole although an answer of the bus %s', async (_, receivers) => {
    const nodes = new Nodes();
    const [a, b] = [await nodes.join(), await nodes.join()];
    await nodes.pass(2000);
    const asked = vi.spyOn(a.parts.wire.bus, 'receivers').mockImplementationOnce(receivers);
    const large = a.parts.presence.part('large', undefined);
    let known = 0;
    const joined = (): void => {
      known += 1;
    };
    b.parts.presence.part('large', { joined, left: () => {} });
    for (const id of IDS) large.add(id);
    await nodes.pass(10_000);
    expect(asked).toHaveBeenCalled();
    expect(known).toBe(IDS.length);
  });
});
