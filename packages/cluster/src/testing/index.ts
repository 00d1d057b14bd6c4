/**
 * Tests for a bus of your own: `@headrace/cluster/testing`.
 *
 * @module
 */

export { type BusBench, describeBus } from './bus-contract.ts';
