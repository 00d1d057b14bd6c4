/**
 * For tests of buses of one's own: `@headrace/cluster/testing`.
 *
 * @module
 */

export { type BusBench, describeBus } from './bus-contract.ts';
