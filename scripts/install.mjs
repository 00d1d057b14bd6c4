// Installs what is missing, so that `npm start` and `npm test` are the only commands a fresh clone
// needs. Plain JavaScript and no imports but Node's and ours: it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lock, POLL_INTERVAL_MS, unlock } from './lock.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'node_modules', '.headrace-installed');

/** Whatever decides what belongs into node_modules. */
function manifests() {
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'];
  for (const folder of ['packages', 'examples']) {
    if (!existsSync(join(root, folder))) continue;
    for (const name of readdirSync(join(root, folder)).sort()) {
      files.push(join(folder, name, 'package.json'));
    }
  }
  return [...files, 'benchmarks/package.json', 'scripts/package.json'];
}

function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of manifests()) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(`${file}\n`).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** An install through a link would change the folder of somebody else. */
function refuseForeignFolder() {
  const folder = join(root, 'node_modules');
  if (!existsSync(folder)) return;
  const real = realpathSync(folder);
  if (real.startsWith(realpathSync(root) + sep)) return;
  process.stderr.write(
    `node_modules is a link to ${real}, outside this repository: nothing is installed there. ` +
      'Remove the link and start again.\n',
  );
  process.exit(1);
}

export function installMissing() {
  if (isInstalled()) return;
  refuseForeignFolder();
  const file = join(root, 'scripts', '.tmp', 'installing');
  const isTaken = lock(file, 'installs the dependencies');
  while (!isTaken()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_INTERVAL_MS);
  try {
    // The process that had the lock may have installed what this one needs.
    if (!isInstalled()) install();
  } finally {
    unlock(file);
  }
}

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

function install() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  process.stderr.write(
    `installing packages with ${packageManager}, about 15 s (only when they changed) …\n`,
  );
  const still = sayStill(10_000);
  // Standard output belongs to the program that runs afterwards, and pnpm's lines matter only when it fails.
  const { status, error, stdout, stderr } = spawnSync('npx', ['-y', packageManager, 'install'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: Number.POSITIVE_INFINITY,
    shell: process.platform === 'win32',
    // Its notice of a newer version would only confuse the user.
    env: { ...process.env, npm_config_update_notifier: 'false' },
  });
  still.kill();
  if (status !== 0) {
    const reason = error === undefined ? `exit code ${status}` : error.message;
    process.stderr.write(
      `${stdout ?? ''}${stderr ?? ''}\nCould not install the dependencies: npx ${packageManager} install: ${reason}\n`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, fingerprint());
}

/** Prints a line when the install takes long. Only another process can, because this one waits for the install. */
export function sayStill(afterMs) {
  const registry = process.env.npm_config_registry ?? 'https://registry.npmjs.org';
  const line = `still installing: if this takes minutes, the registry (${registry}) may not answer; pnpm tries it several times …\n`;
  const code = `setTimeout(() => process.stderr.write(${JSON.stringify(line)}), ${afterMs})`;
  return spawn(process.execPath, ['--eval', code], { stdio: ['ignore', 'ignore', 'inherit'] });
}
