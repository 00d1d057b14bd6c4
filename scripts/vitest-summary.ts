// Last line of every run: `N passed, N failed`, for people and for machines.
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { noteInReport } from './ci/report.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './vitest-temporary.ts';

/** What the standard reporter prints in front of the errors is too long for the end of a long run. */
const LINES_IN_REPORT = 4;

interface SummaryOptions {
  /** A run after which temporary files are left has failed. */
  readonly ownsTemporaryFiles?: boolean;
}

export default class Summary implements Reporter {
  private readonly ownsTemporaryFiles: boolean;
  private folder: string | undefined = undefined;

  constructor({ ownsTemporaryFiles = false }: SummaryOptions = {}) {
    this.ownsTemporaryFiles = ownsTemporaryFiles;
  }

  onInit(): void {
    if (this.ownsTemporaryFiles) this.folder = makeTemporaryFolder();
  }

  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<unknown>,
    reason: string,
  ): void {
    let passed = 0;
    let failed = 0;
    const skipped: string[] = [];
    const fail = (name: string, error: unknown, place?: string): void => {
      failed += 1;
      const { stack = '', message = String(error) } = (error ?? {}) as Error;
      const line = place === undefined ? undefined : lineOf(stack, place);
      noteInReport({
        failure: {
          name,
          message: message.split('\n').slice(0, LINES_IN_REPORT).join('\n'),
          ...(place === undefined ? {} : { place: place + (line ?? '') }),
          again: place === undefined ? 'npm test' : `npm ${command(place)} -- ${place}`,
        },
      });
    };
    for (const error of unhandledErrors) fail('unhandled error', error);
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId).replaceAll('\\', '/');
      // A file that cannot be loaded, or whose hooks fail, counts as one failure.
      if (!module.ok() && [...module.children.allTests('failed')].length === 0) {
        fail('the file', module.errors()[0] ?? 'a hook of it failed', file);
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') fail(test.fullName, errors?.[0], file);
        else skipped.push(test.fullName);
      }
    }
    if (reason === 'failed' && failed === 0) failed = 1;
    // The standard reporter prints its own summary from the same event: ours comes last, when Vitest has removed its own files, too.
    process.once('exit', () => {
      const left = this.folder === undefined ? [] : removeTemporaryFolder(this.folder);
      // What failed may have left files to look at.
      if (failed === 0 && left.length > 0) {
        const error = `the tests have left in ${this.folder}: ${left.join(', ')}`;
        fail('temporary files', new Error(error));
        process.stdout.write(`${error}\n`);
        process.exitCode = 1;
      }
      for (const name of skipped) process.stdout.write(`skipped: ${name}\n`);
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
      noteInReport({ passed, failed });
    });
  }
}

/** The line of the test in the stack of its error, as `:12`. */
function lineOf(stack: string, file: string): string | undefined {
  const at = stack.indexOf(`${file}:`);
  return at < 0 ? undefined : /^:\d+/.exec(stack.slice(at + file.length))?.[0];
}

/** The command whose tests have names like this. */
function command(file: string): string {
  const [, kind] = /\.(heavy|seeds|smoke)\.test\.ts$/.exec(file) ?? [];
  return kind === undefined ? 'test' : `run test:${kind}`;
}
