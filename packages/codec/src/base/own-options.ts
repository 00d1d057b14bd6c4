/**
 * A subclass's description of its options, made by `describeOptions`. The description contains the names of the subclass and of
 * the base class, which refuses all other names.
 */
export interface OwnOptions {
  /** Throws an `OptionError` for a name that is not an option. */
  checkNames(given: object, owner?: string): void;
}
