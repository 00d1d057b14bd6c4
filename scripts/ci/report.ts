// What a part of the gate leaves to the runner: counts, failures, warnings, a line of JSON each, in the file that
// HEADRACE_REPORT names. Without the variable nothing is written: people read what is printed.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

const VARIABLE = 'HEADRACE_REPORT';

/** What failed, so that somebody who sees nothing else can begin. */
export interface Failure {
  /** The full name of the test or of the part of a check. */
  readonly name: string;
  /** A path from the root, with a line where there is one. */
  readonly place?: string;
  /** The first lines of the message. */
  readonly message: string;
  /** The command that repeats it alone. */
  readonly again?: string;
}

export type Entry =
  | { readonly passed: number; readonly failed: number }
  | { readonly failure: Failure }
  | { readonly warning: string };

export function noteInReport(entry: Entry): void {
  const file = process.env[VARIABLE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`);
}

/** The environment of a program whose counts are not added, as it repeats tests that are counted elsewhere. */
export function withoutReport(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const { [VARIABLE]: _, ...rest } = env;
  return rest;
}

export function withReport(file: string, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...env, [VARIABLE]: file };
}

export interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly Failure[];
  readonly warnings: readonly string[];
}

/** What a part has left; a part that ended before it could write has left nothing. */
export function readReport(file: string): Report {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  let [passed, failed] = [0, 0];
  const failures: Failure[] = [];
  const warnings: string[] = [];
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const entry = JSON.parse(line) as Entry;
    if ('failure' in entry) failures.push(entry.failure);
    else if ('warning' in entry) warnings.push(entry.warning);
    else {
      passed += entry.passed;
      failed += entry.failed;
    }
  }
  return { passed, failed, failures, warnings };
}
