/** The entry is the package `@headrace/workers` now. @module */
import { moved } from './moved.ts';

/** @internal A program that imports the names sees the error, instead of one about a name that is not exported. */
export const { freePort, processBus, runWorkers } = moved(
  '@headrace/cluster/workers',
  '@headrace/workers',
);
