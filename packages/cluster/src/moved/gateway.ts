/** The entry is the package `@headrace/gateway` now. @module */
import { moved } from './moved.ts';

/** @internal A program that imports the names sees the error, instead of one about a name that is not exported. */
export const { connectionsOf, Gateway, RemoteConnections, Worker } = moved(
  '@headrace/cluster/gateway',
  '@headrace/gateway',
);
