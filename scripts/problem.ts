/** One thing that a check found wrong. */
export interface Problem {
  /** Path from the root of the repository; absent where the message stands alone. */
  readonly file?: string;
  readonly line?: number;
  readonly message: string;
}

/** The result of a check: one line of success, or what is wrong. */
export interface CheckResult {
  readonly problems: readonly Problem[];
  readonly summary: string;
}

export type Check = (root: string) => CheckResult | Promise<CheckResult>;

export function describeProblem({ file, line, message }: Problem): string {
  if (file === undefined) return message;
  return line === undefined ? `${file}: ${message}` : `${file}:${line}: ${message}`;
}
