import {
  type ChaosOptions,
  type Explored,
  explore,
  type Scenario,
  type SimulationOptions,
} from '@headrace/simulation';

/** A scenario of chaos, with what its simulations are made with. */
export interface ChaosScenario {
  /** What holds in it: the name of its test. */
  readonly claim: string;
  readonly scenario: Scenario;
  readonly simulation?: Omit<SimulationOptions, 'seed' | 'omit'>;
}

/** About a dozen faults of every kind within the first 20 s. */
export const CHAOS: ChaosOptions = {
  crash: 4,
  stop: 4,
  partition: 10,
  slow: 6,
  freeze: 8,
  reset: 6,
  forMs: { minMs: 50, maxMs: 8000 },
  untilMs: 20_000,
};

/** Time enough after {@link CHAOS} for every client to be back, retransmissions and pauses included. */
export const QUIET_AT_MS = 50_000;
/** How long connections may take to end at the end of each seed. */
export const SETTLE_MS = 20_000;

/** Runs a scenario with so many seeds. */
export function survive(
  { scenario, simulation = {} }: ChaosScenario,
  seeds: number,
  firstSeed = 1,
): Promise<Explored> {
  return explore({ scenario, simulation, settleMs: SETTLE_MS, seeds, firstSeed });
}

/** Fails with what was found. */
export function expectNone(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(faults.slice(0, 5).join('\n'));
}
