/**
 * A subclass's description of its options, by `describeOptions`: its own names, and those of the base. The base refuses
 * all others.
 */
export interface OwnOptions {
  /** Throws an `OptionError` for a name that is not an option. */
  checkNames(given: object, owner?: string): void;
}
