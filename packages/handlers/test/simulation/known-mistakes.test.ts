import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExploreError, explore } from '@headrace/simulation';
import { afterAll, describe, expect, it } from 'vitest';
import {
  deployScenario,
  forgetfulScenario,
  herdScenario,
  type Mistake,
  rateScenario,
  silentScenario,
  workerScenario,
} from './known-mistakes.ts';

const folder = mkdtempSync(join(tmpdir(), 'headrace-mistakes-'));
const diagramFile = join(folder, 'failure.svg');
afterAll(() => rmSync(folder, { recursive: true }));

const PICTURE = new URL('../../../../docs/guides/simulation-failure.svg', import.meta.url);
const SEEDS = 200;

const SETTLE_MS = 20_000;
/** The right program holds with the seeds up to the one that finds the mistake, and at least with these. */
const MIN_RIGHT = 10;

/** The report on the mistake, which must be found. */
async function reportOf({ wrong, simulation = {} }: Mistake): Promise<ExploreError> {
  const options = { simulation, settleMs: SETTLE_MS, seeds: SEEDS, diagramFile };
  const outcome = await explore({ ...options, scenario: wrong }).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ExploreError);
  return outcome as ExploreError;
}

/** Also sees the right program hold. */
async function find(mistake: Mistake): Promise<ExploreError> {
  const error = await reportOf(mistake);
  expect(error.seed).toBeLessThanOrEqual(SEEDS);
  const { right: scenario, simulation = {} } = mistake;
  const seeds = Math.max(MIN_RIGHT, error.seed);
  await explore({ simulation, settleMs: SETTLE_MS, scenario, seeds });
  return error;
}

describe('known mistakes are found within 200 seeds', () => {
  it('a heartbeat without a deadline for the answer', async () => {
    const { faults, message } = await find(silentScenario);
    expect(message).toMatch(/is still open \d+ ms after its last sign of life/);
    expect(faults.length).toBe(1);
    expect(['crash', 'partition', 'freeze']).toContain(faults[0]!.kind);
  });

  it('a group that forgets to remove a member', async () => {
    const { faults, message } = await find(forgetfulScenario);
    expect(message).toMatch(/on host server members is \d+, not 0/);
    expect(faults.length).toBeLessThanOrEqual(1);
  });

  it('a client that retries without jitter', async () => {
    const { faults, message } = await find(herdScenario);
    expect(message).toMatch(/\d+ of 60 clients came within one second/);
    expect(faults.every(({ kind, host }) => kind === 'stop' && host === 'server')).toBe(true);
    expect(faults.length).toBe(1);
  });

  it('a drain that does not wait', async () => {
    const { message } = await find(deployScenario);
    expect(message).toMatch(/\d+ answers are missing/);
  });

  it('a token that comes due between two looks at the clock', async () => {
    const { message } = await find(rateScenario);
    expect(message).toMatch(/an open connection was not read .*\n.*held by TwoLooks/);
  });

  it('a hold that is forgotten, because the next one is taken within its release', async () => {
    const { message } = await find(workerScenario);
    expect(message).toMatch(/an open connection was not read .*\n.*held by Worker/);
  });
});

describe('the picture in the guide', () => {
  // `vitest -u` draws it again.
  it('is the one of the heartbeat without a deadline', async () => {
    await reportOf(silentScenario);
    const drawn = readFileSync(diagramFile, 'utf8');
    await expect(drawn).toMatchFileSnapshot(fileURLToPath(PICTURE));
  });
});
