/**
 * Tests for a bus of your own: `@headrace/bus/testing`.
 *
 * @module
 */

export { BenchBus, type BusBench, BusTest, testing } from './bus-bench.ts';
export { describeBus } from './bus-contract.ts';
