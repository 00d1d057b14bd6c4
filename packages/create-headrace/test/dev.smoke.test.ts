import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { filesOf, makeProject, Program } from './fixture/project.ts';

const runs = (run: string) => `const run: number = ${run};
console.log('run', run);
setInterval(() => {}, 1000);
`;

let folder = '';
let dev: Program;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'create-headrace-'));
});
afterEach(async () => {
  await dev.end();
  rmSync(folder, { recursive: true });
});

/** Begins dev of a project with this `main.ts` in place of all its sources. */
function begin(main: string): void {
  const files = [...filesOf('line-server')].filter(([path]) => !path.startsWith('src/'));
  makeProject(folder, new Map([...files, ['src/main.ts', main]]), '');
  dev = new Program('npm', ['run', 'dev'], folder);
}

const change = (main: string): void => writeFileSync(join(folder, 'src/main.ts'), main);

describe.skipIf(process.platform === 'win32')('npm run dev', () => {
  it('shows a type error, and runs the program again when it is repaired', async () => {
    begin(runs('1'));
    await dev.shown(/run 1/);
    change(runs('"two"'));
    await dev.shown(/error TS2322: Type 'string' is not assignable to type 'number'/);
    change(runs('3'));
    await dev.shown(/run 3/);
  }, 60_000);

  it('begins at a type error, too', async () => {
    begin(runs('"one"'));
    await dev.shown(/error TS2322: Type 'string' is not assignable to type 'number'/);
    change(runs('2'));
    await dev.shown(/run 2/);
  }, 60_000);
});
