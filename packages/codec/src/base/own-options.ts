/** A subclass's description of its options, made by `describeOptions`. The base class refuses all other names. */
export interface OwnOptions {
  /** Throws an `OptionError` for a name that is not an option. */
  checkNames(given: object, owner?: string): void;
  /** Returns a frozen copy of checked options. Equal options share it. */
  copyOf(given: object): object;
}
