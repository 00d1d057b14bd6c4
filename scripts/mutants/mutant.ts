/** One broken variant of a source: a test of `npm test` must fail with it. */
export interface Mutant {
  /** The source, as a path in the package of the list, or in the repository. */
  readonly file: string;
  /** A piece of the source that stands there once. */
  readonly find: string;
  /** What stands there instead. */
  readonly replace: string;
  /** The test file that must fail, as a path in the package of the list, or in the repository. */
  readonly test: string;
  /** What breaks without the guard. */
  readonly why: string;
}
