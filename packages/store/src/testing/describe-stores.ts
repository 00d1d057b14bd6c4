import { type BusBench, testing } from '@headrace/bus/testing';
import type { TestRunner } from '@headrace/core/testing';
import { logOf, recordsOf, statesOf } from '../stores/bus-stores.ts';
import { LOG_TESTS } from './log-contract.ts';
import { RECORD_TESTS } from './record-contract.ts';
import { STATE_TESTS } from './state-contract.ts';

/**
 * Tests the contract of the stores of a bus: of its log for durable groups, of its states for state groups, and of its
 * records for lasting channels, as far as its engine has them. Run the tests for your own engine before you use the engine.
 *
 * @example
 * ```ts
 * describeStores({ describe, it, expect }, {
 *   name: 'redis',
 *   make: () => redisBus({ url: server.url }),
 *   clock: systemClock,
 *   pass: (ms) => setTimeout(ms),
 *   server,
 * });
 * ```
 */
export function describeStores({ describe, it, expect }: TestRunner, bench: BusBench): void {
  const bus = bench.make();
  const tests = [
    ...(logOf(bus) === undefined ? [] : LOG_TESTS),
    ...(statesOf(bus) === undefined ? [] : STATE_TESTS),
    ...(recordsOf(bus) === undefined ? [] : RECORD_TESTS),
  ];
  describe(`the store contract: ${bench.name}`, () => {
    for (const [name, body] of tests) {
      it(name, () => testing(bench, (test) => body(test, expect, bench)));
    }
  });
}
