/** The entry is the package `@headrace/yamux` now. @module */
import { moved } from './moved.ts';

/** @internal A program that imports the names sees the error, instead of one about a name that is not exported. */
export const { GoAwayEvent, YamuxHandler } = moved('@headrace/handlers/yamux', '@headrace/yamux');
