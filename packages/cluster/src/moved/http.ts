/** The entry is `@headrace/gateway/http` now. @module */
import { moved } from './moved.ts';

/** @internal A program that imports the names sees the error, instead of one about a name that is not exported. */
export const { clusterApi } = moved(
  '@headrace/cluster/http',
  '@headrace/gateway',
  '@headrace/gateway/http',
);
