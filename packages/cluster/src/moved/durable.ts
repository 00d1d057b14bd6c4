/** The entry is the package `@headrace/durable` now. @module */
import { moved } from './moved.ts';

/** @internal A program that imports the names sees the error, instead of one about a name that is not exported. */
export const { DurableGroup, DurableOutcome, durableGroup } = moved(
  '@headrace/cluster/durable',
  '@headrace/durable',
);
