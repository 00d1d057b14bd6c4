/** The functions of a test runner that `describeTransport` needs; vitest's and jest's fit. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  readonly expect: (actual: unknown) => Expectation;
}

/** The expectations that the suite uses. */
export interface Expectation {
  toBe(expected: unknown): unknown;
  toEqual(expected: unknown): unknown;
  toBeLessThan(expected: number): unknown;
  toBeGreaterThan(expected: number): unknown;
}
