/** The functions of a test runner that the contract suites need. The functions of vitest and jest are compatible. */
export interface TestRunner {
  /** Groups tests. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** Adds a test. */
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  /** Starts an expectation about a value. */
  readonly expect: (actual: unknown) => Expectation;
}

/** The expectations that the suites use. */
export interface Expectation {
  /** Expects the identical value. */
  toBe(expected: unknown): unknown;
  /** Expects the same content. */
  toEqual(expected: unknown): unknown;
  /** Expects a value less than `expected`. */
  toBeLessThan(expected: number): unknown;
  /** Expects a value greater than `expected`. */
  toBeGreaterThan(expected: number): unknown;
}
