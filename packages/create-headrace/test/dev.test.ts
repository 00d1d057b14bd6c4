import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectFiles } from '../src/project-files.ts';
import { writeProject } from '../src/target-folder.ts';
import { TEMPLATES } from '../src/templates.ts';

const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

const runs = (run: string) => `const run: number = ${run};
console.log('run', run);
setInterval(() => {}, 1000);
`;

let place = '';
let child: ChildProcess;
let ended: Promise<unknown>;
let output = '';

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'create-headrace-'));
});
afterEach(async () => {
  // npm, the shell and the program end together, as by Ctrl+C.
  if (child.exitCode === null) process.kill(-child.pid!, 'SIGINT');
  await ended;
  rmSync(place, { recursive: true });
});

/** A project with a `main.ts` of ours in place of all its sources. */
function project(main: string): string {
  const folder = join(place, 'app');
  const words = { name: 'app', version: '1.2.3', year: '2030' };
  const files = [...projectFiles(TEMPLATES[0]!, words)].filter(([path]) => !/^src\//.test(path));
  writeProject(folder, new Map([...files, ['src/main.ts', main]]));
  symlinkSync(MODULES, join(folder, 'node_modules'));
  return folder;
}

function dev(folder: string): void {
  output = '';
  child = spawn('npm', ['run', 'dev'], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  ended = once(child, 'close').then(() => 'ended');
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      child.emit('output');
    });
  }
}

/** Waits until the output has this text, and forgets what came before its end. */
async function shown(text: string): Promise<void> {
  while (!output.includes(text)) {
    expect(await Promise.race([once(child, 'output'), ended]), output).not.toBe('ended');
  }
  output = output.slice(output.indexOf(text) + text.length);
}

describe.skipIf(process.platform === 'win32')('npm run dev', () => {
  it('shows a type error, and runs the program again when it is repaired', async () => {
    const folder = project(runs('1'));
    dev(folder);
    await shown('run 1');
    writeFileSync(join(folder, 'src/main.ts'), runs('"two"'));
    await shown("error TS2322: Type 'string' is not assignable to type 'number'");
    writeFileSync(join(folder, 'src/main.ts'), runs('3'));
    await shown('run 3');
  }, 60_000);

  it('begins at a type error, too', async () => {
    const folder = project(runs('"one"'));
    dev(folder);
    await shown("error TS2322: Type 'string' is not assignable to type 'number'");
    writeFileSync(join(folder, 'src/main.ts'), runs('2'));
    await shown('run 2');
  }, 60_000);
});
