// The command line of create-headrace, as its package is installed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Each a name and a check that rejects. */
export function checkFlags(
  place: string,
  env: NodeJS.ProcessEnv,
): readonly (readonly [string, () => Promise<void>])[] {
  const create = (...args: readonly string[]): Promise<Result> =>
    new Promise((resolve) => {
      // Standard input is a pipe, as in a script.
      const child = execFile(
        'npm',
        ['create', '--yes', 'headrace', '--', ...args],
        { cwd: place, env },
        (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err }),
      );
      child.stdin?.end();
    });
  return [
    [
      '--help, --version and --list print and end',
      async () => {
        const help = await create('--help');
        assert.equal(help.code, 0);
        assert.match(help.out, /--template NAME/);
        const manifest = new URL('../../packages/create-headrace/package.json', import.meta.url);
        const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
        assert.equal((await create('--version')).out.trim(), version);
        assert.match((await create('--list')).out, /^line-server +\S/);
      },
    ],
    [
      'a bad template is one line and exit code 1',
      async () => {
        const { code, err } = await create('bad', '--template', 'lineserver');
        assert.equal(code, 1);
        assert.match(err, /create-headrace: no template "lineserver"; did you mean line-server\?/);
        assert.equal(existsSync(join(place, 'bad')), false);
      },
    ],
    [
      'a folder that is not empty stays as it is',
      async () => {
        mkdirSync(join(place, 'full'));
        writeFileSync(join(place, 'full', 'mine.txt'), 'mine');
        const { code, err } = await create('full');
        assert.equal(code, 1);
        assert.match(err, /full is not empty: it has mine\.txt\. Nothing was written/);
        assert.deepEqual(readdirSync(join(place, 'full')), ['mine.txt']);
      },
    ],
    [
      'in a pipe it takes the defaults',
      async () => {
        const { code, out } = await create('--no-install');
        assert.equal(code, 0);
        assert.match(out, /cd headrace-app\nnpm install\nnpm start\n$/);
        assert.ok(existsSync(join(place, 'headrace-app', '.gitignore')));
        assert.ok(existsSync(join(place, 'headrace-app', 'src', 'line-server.ts')));
      },
    ],
  ];
}
