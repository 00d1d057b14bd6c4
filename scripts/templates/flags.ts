// The command line of create-headrace, as its package is installed.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../program.ts';
import type { Tally } from '../tally.ts';
import { readManifest, root, writeFiles } from '../workspace.ts';

export async function checkFlags(
  tally: Tally,
  place: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const create = (...args: readonly string[]) =>
    run('npm', ['create', '--yes', '--silent', 'headrace', '--', ...args], place, { env });
  await tally.step('--help, --version and --list print and end', async () => {
    const help = await create('--help');
    assert.ok(help.ok);
    assert.match(help.stdout, /--template NAME/);
    const { version } = readManifest(join(root, 'packages/create-headrace'));
    assert.equal((await create('--version')).stdout.trim(), version);
    assert.match((await create('--list')).stdout, /^line-server +\S/);
  });
  await tally.step('a bad template is one line and a failure', async () => {
    const { ok, stderr } = await create('bad', '--template', 'lineserver');
    assert.equal(ok, false);
    assert.match(stderr, /create-headrace: no template "lineserver"; did you mean line-server\?/);
    assert.equal(existsSync(join(place, 'bad')), false);
  });
  await tally.step('a folder that is not empty stays as it is', async () => {
    writeFiles(place, { 'full/mine.txt': 'mine' });
    const { ok, stderr } = await create('full');
    assert.equal(ok, false);
    assert.match(stderr, /full is not empty: it has mine\.txt\. Nothing was written/);
    assert.deepEqual(readdirSync(join(place, 'full')), ['mine.txt']);
  });
  await tally.step('without a terminal it names what is missing', async () => {
    const { ok, stderr } = await create('some', '--no-install');
    assert.equal(ok, false);
    assert.match(stderr, /there is no terminal to ask in: give --template NAME, or --yes/);
    assert.equal(existsSync(join(place, 'some')), false);
  });
  await tally.step('--yes takes the defaults, and makes a repository', async () => {
    const { ok, stdout } = await create('--yes', '--no-install');
    assert.ok(ok);
    assert.ok(existsSync(join(place, 'headrace-app', '.git', 'HEAD')));
    assert.match(stdout, /cd headrace-app\nnpm install\nnpm start\n$/);
    assert.ok(existsSync(join(place, 'headrace-app', '.gitignore')));
    assert.ok(existsSync(join(place, 'headrace-app', 'src', 'line-server.ts')));
  });
}
