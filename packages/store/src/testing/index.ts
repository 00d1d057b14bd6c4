/**
 * Tests for stores of your own: `@headrace/store/testing`.
 *
 * @module
 */

export { describeStores } from './describe-stores.ts';
