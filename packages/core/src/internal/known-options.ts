import { checkNames } from './option-set.ts';

/** Every option of an options object: the compiler refuses a table that lacks one or has one too many. */
export type KnownOptions<T> = { readonly [K in keyof Required<T>]: true };

/** Refuses what is no options object, and names that are no options. {@link describeOptions} replaces it. */
export function checkOptions<T extends object>(
  owner: string,
  options: T,
  known: KnownOptions<T>,
): void {
  checkNames(owner, options, known);
}
