/**
 * Returns the members of an object that have a value. An option that is `undefined` is absent, everywhere: a program that takes it
 * from a configuration then needs no branch for a value that is not configured. `describeOptions` reads options so. Call this
 * function before options are merged with others, or are told apart by the names that they have. Anything without such a member is returned itself.
 */
export function present<T>(given: T): T {
  if (typeof given !== 'object' || given === null) return given;
  const entries = Object.entries(given);
  if (!entries.some(([, value]) => value === undefined)) return given;
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as T;
}
