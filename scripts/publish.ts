// `npm run release:publish`: builds, and publishes each package whose version npm does not have. With `-- --dry-run`, nothing leaves
// the machine.
import { execFileSync, spawnSync } from 'node:child_process';
import { changesetsIn } from './release/versions.ts';
import { readManifest, root } from './workspace.ts';

const isTrial = process.argv.includes('--dry-run');
const reason = isTrial ? undefined : whyNot();
if (reason !== undefined) {
  console.error(`Nothing was published: ${reason}`);
  process.exit(1);
}
run('npm', ['run', 'build']);
const { packageManager } = readManifest(root);
run('npx', [
  ...['-y', packageManager, '-r', '--filter', './packages/*', 'publish'],
  ...['--access', 'public', '--no-git-checks', ...(isTrial ? ['--dry-run'] : [])],
]);

/** Returns why the files here are not those of a version. */
function whyNot(): string | undefined {
  const status = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' });
  if (status !== '') return 'files differ from the last commit';
  const waiting = changesetsIn(root).length;
  if (waiting === 0) return undefined;
  return `${waiting} changesets wait in .changeset: first npm run release:version (RELEASING.md)`;
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, HEADRACE_RELEASE: '1' },
  });
  if (status !== 0) process.exit(status ?? 1);
}
