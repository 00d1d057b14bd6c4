/** The functions of a test runner that the contract suites need. The functions of vitest and jest are compatible. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  readonly expect: (actual: unknown) => Expectation;
}

/** The expectations that the suites use. */
export interface Expectation {
  /** Expects the identical value. */
  toBe(expected: unknown): unknown;
  /** Expects the same content. */
  toEqual(expected: unknown): unknown;
  toBeLessThan(expected: number): unknown;
  toBeGreaterThan(expected: number): unknown;
}
