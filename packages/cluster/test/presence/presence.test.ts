import { describe, expect, it, vi } from 'vitest';
import { Nodes } from '../nodes.ts';

/** Together more than the bus gets before it has shown that it passed on what came before. */
const IDS = Array.from({ length: 4000 }, (_, i) => `${i}`.padEnd(120, 'x'));

describe('a large presence', () => {
  it('is known everywhere though the bus takes only short messages', async () => {
    const nodes = new Nodes();
    const bus = () => nodes.limitedBus(16_384);
    const a = await nodes.join({ bus: bus() });
    await nodes.pass(2000);
    const large = a.parts.presence.part('large', undefined);
    for (const id of IDS.slice(0, 1000)) large.add(`"${id}`);
    await nodes.pass(5000);
    let known = 0;
    const joined = (): void => {
      known += 1;
    };
    // The node asks for what was before it, and hears the rest as changes.
    const b = await nodes.join({ bus: bus() });
    b.parts.presence.part('large', { joined, left: () => {} });
    await nodes.pass(10_000);
    expect(known).toBe(1000);
    for (const id of IDS.slice(1000, 2000)) large.add(`"${id}`);
    await nodes.pass(10_000);
    expect(known).toBe(2000);
  });

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
