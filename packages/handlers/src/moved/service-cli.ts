/** The entry is the package `@headrace/service-check` now. @module */
import { moved } from './moved.ts';

/** @internal A program that imports the names sees the error, instead of one about a name that is not exported. */
export const { main } = moved('@headrace/handlers/service/cli', '@headrace/service-check');
