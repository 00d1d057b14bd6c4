// Last line of every run: `N passed, N failed`, for people and for machines.
import { appendFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export default class Summary implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<unknown>,
    reason: string,
  ): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    const skipped: string[] = [];
    for (const module of modules) {
      // A file that cannot be loaded, or whose hooks fail, counts as one failure.
      if (!module.ok() && [...module.children.allTests('failed')].length === 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped.push(test.fullName);
      }
    }
    if (reason === 'failed' && failed === 0) failed = 1;
    // The standard reporter prints its own summary from the same event: ours comes last.
    process.once('exit', () => {
      for (const name of skipped) process.stdout.write(`skipped: ${name}\n`);
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
    });
    const file = process.env['HEADRACE_TEST_COUNTS'];
    if (file !== undefined) appendFileSync(file, `${passed} ${failed}\n`);
  }
}
