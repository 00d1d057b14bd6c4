import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExploreError, explore, type Simulation } from '@headrace/simulation';
import { afterAll, describe, expect, it, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'headrace-explore-'));
const diagramFile = join(folder, 'failure.svg');
afterAll(() => rmSync(folder, { recursive: true }));

/** A program that does not survive a crash while it counts from 10 s to 20 s. */
async function counting(sim: Simulation): Promise<void> {
  let counted = 0;
  sim.host('a', (host) => {
    const count = () => {
      counted += 1;
      host.note(`counted <${counted}>`);
      host.clock.schedule(count, 1000);
    };
    if (host.startCount === 1) count();
  });
  sim.host('b', () => {});
  sim.chaos({ crash: 4, freeze: 8, partition: 8, reset: 8, hosts: ['a', 'b'], untilMs: 30_000 });
  await sim.run({ untilMs: 60_000 });
  if (counted < 20) throw new Error(`only ${counted}`);
}

describe('explore', () => {
  it('runs all seeds of a scenario that holds', async () => {
    const seeds: number[] = [];
    const explored = await explore({
      seeds: 5,
      firstSeed: 10,
      scenario: async (sim) => {
        seeds.push(sim.seed);
        await sim.run({ untilMs: 1000 });
      },
    });
    expect(seeds).toEqual([10, 11, 12, 13, 14]);
    expect(explored).toEqual({ seeds: 5, virtualMs: 5 * 121_000 });
  });

  it('stops when its time is over, but not before the first seed', async () => {
    const scenario = (sim: Simulation) => sim.run({ untilMs: 1 });
    expect((await explore({ seeds: 1e6, timeMs: 0, scenario })).seeds).toBe(1);
  });

  it('reports the seed, the faults that it takes, the last moments and a diagram', async () => {
    const failure = await explore({ scenario: counting, diagramFile }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ExploreError);
    const { seed, faults, message } = failure as ExploreError;
    expect(faults.map(({ kind, host }) => `${kind} ${host}`)).toEqual(['crash a']);
    expect(message).toMatch(
      /^seed \d+ fails: only \d+\n\nit takes these of its \d+ faults:\n {2}at \d+ ms: crash a for/,
    );
    expect(message).toContain('the last moments:\n');
    expect(message).toMatch(/ ms {2}a {2}counted <\d+>/);
    expect(message).toContain(`to run it again: HEADRACE_SEED=${seed}`);
    const svg = readFileSync(diagramFile, 'utf8');
    expect(svg).toMatch(/^<svg xmlns/);
    expect(svg).toContain('counted &lt;');
    expect(svg).toContain('crash a');
  });

  it('runs the seed of the environment alone', async () => {
    vi.stubEnv('HEADRACE_SEED', '4711');
    try {
      const seeds: number[] = [];
      const scenario = (sim: Simulation) => {
        seeds.push(sim.seed);
        return sim.run({ untilMs: 1 });
      };
      await explore({ scenario });
      expect(seeds).toEqual([4711]);
      vi.stubEnv('HEADRACE_SEED', 'x');
      await expect(explore({ scenario: () => {} })).rejects.toThrow('HEADRACE_SEED is NaN');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('says when a failure needs no fault', async () => {
    const scenario = () => {
      throw new Error('always');
    };
    await expect(explore({ scenario, diagramFile })).rejects.toThrow(
      'it fails without any of its 0 faults',
    );
  });

  it('does not take a scenario that has not run for one that holds', async () => {
    const forgetful = (sim: Simulation) => void sim.host('a', () => {});
    for (const settleMs of [1000, false] as const) {
      await expect(
        explore({ seeds: 1, settleMs, scenario: forgetful, diagramFile }),
      ).rejects.toThrow('has not run: a scenario has to await sim.run()');
    }
  });

  it('refuses invalid options', async () => {
    await expect(explore({ scenario: 5 as never })).rejects.toThrow(
      'scenario is 5, but must be a function',
    );
    await expect(explore({ scenario: () => {}, seeds: 0 })).rejects.toThrow('seeds is 0');
    await expect(explore({ scenario: () => {}, seed: 1 } as never)).rejects.toThrow(
      'did you mean seeds',
    );
  });
});
