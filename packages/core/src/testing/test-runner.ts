/** The functions of a test runner that `describeTransport` needs; vitest's and jest's fit. */
export interface TestRunner {
  /** Groups tests. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** Adds a test. */
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  /** Begins an expectation of a value. */
  readonly expect: (actual: unknown) => Expectation;
}

/** The expectations that the suite uses. */
export interface Expectation {
  /** It is this very value. */
  toBe(expected: unknown): unknown;
  /** It has the same content. */
  toEqual(expected: unknown): unknown;
  /** It is less than this. */
  toBeLessThan(expected: number): unknown;
  /** It is greater than this. */
  toBeGreaterThan(expected: number): unknown;
}
