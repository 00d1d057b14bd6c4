import { spread } from '@headrace/client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryWorld } from './memory-world.ts';

/** What happens to the network or is done by the client, each followed by a little time. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), flush: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('down', 'up', 'cut', 'end', 'own' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('changed' as const) }) },
);
const scenario = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 4000 })), { maxLength: 60 });

describe('ReconnectingClient under random losses', () => {
  it('sends nothing twice, nothing that was refused, all in order, and settles every write', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.integer(), async (steps, seed) => {
        const world = new MemoryWorld(256);
        const random = () => ((seed >>> 0) % 1000) / 1000;
        const client = world.client(['a'], {
          random,
          retry: spread({ firstMs: 500, maxMs: 4000 }),
          stableMs: 2000,
          offline: { maxMessages: 5, maxAgeMs: 5000 },
          ready: (channel) => channel.writeAndFlush('sign-in'),
        });
        const outcomes: string[] = [];
        let count = 0;
        const write = (flush: boolean): void => {
          const index = count++;
          const future = flush ? client.writeAndFlush(`${index}`) : client.write(`${index}`);
          future.onSettled((error) => {
            outcomes[index] = error === undefined ? 'sent' : (error as { code?: string }).code!;
          });
        };
        let isUp = false;
        void client.start();
        for (const [{ do: what, ...rest }, ms] of steps) {
          if (what === 'write') write('flush' in rest && rest.flush === true);
          else if (what === 'changed') client.networkChanged();
          else if (what === 'own') client.channel?.close();
          else if (what === 'cut') world.connections('a')[0]?.abort();
          else if (what === 'end') world.connections('a')[0]?.end();
          else if (what === 'up' && !isUp) await world.up('a').then(() => (isUp = true));
          else if (what === 'down' && isUp) await world.down('a').then(() => (isUp = false));
          await world.pass(ms);
        }
        if (!isUp) await world.up('a');
        await world.pass(60_000);
        expect(client.state.name).toBe('online');
        client.flush();
        await world.pass(1000);
        await world.end();
        const numbers = world.lines.filter((line) => line !== 'sign-in').map(Number);
        expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
        expect(outcomes.filter(Boolean)).toHaveLength(count);
        for (const number of numbers) expect(outcomes[number]).not.toBe('HR_ERR_REJECTED_QUEUE');
        for (const { lines } of world.got) {
          expect(lines.indexOf('sign-in')).toBeLessThanOrEqual(0);
          expect(lines.lastIndexOf('sign-in')).toBeLessThanOrEqual(0);
        }
        expect(world.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
