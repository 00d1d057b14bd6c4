import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { bundledProgram } from '../../../core/test/fixture/bundled-program.ts';

const program = await bundledProgram(new URL('./default-logger-program.ts', import.meta.url));

it('the default logger may be used where many files are one, as in a published package', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect(stdout).toBe('no call is forbidden\n');
  expect(stderr).toMatch(/^\d{4}-\S+ error something is wrong\n$/);
});
