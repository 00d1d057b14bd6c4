// The tools of the site are in a project of their own, installed when they are first needed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble } from './assemble.ts';

function installSite(root: string): void {
  const site = join(root, 'site');
  const hash = createHash('sha256');
  for (const name of ['package.json', 'pnpm-lock.yaml'])
    hash.update(readFileSync(join(site, name)));
  const fingerprint = hash.digest('hex');
  const stamp = join(site, 'node_modules', '.headrace-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return;
  console.error('Installing the tools of the site (only when they changed)');
  const { packageManager } = JSON.parse(readFileSync(join(site, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  const { status } = spawnSync(
    'npx',
    ['-y', packageManager, 'install', '--ignore-workspace', '--frozen-lockfile'],
    {
      cwd: site,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
      env: { ...process.env, npm_config_update_notifier: 'false' },
    },
  );
  if (status !== 0)
    throw new Error(`the tools of the site cannot be installed: exit code ${status}`);
  writeFileSync(stamp, fingerprint);
}

function vitepress(root: string, ...args: string[]): { ok: boolean; output: string } {
  const path = join(root, 'site', 'node_modules', 'vitepress', 'bin', 'vitepress.js');
  const isServing = args[0] === 'dev';
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], {
    cwd: join(root, 'site'),
    encoding: 'utf8',
    stdio: isServing ? 'inherit' : 'pipe',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}` };
}

/** Builds everything into site/dist; returns what is wrong. */
export function buildSite(root: string): string[] {
  installSite(root);
  const { problems } = assemble(root);
  const { ok, output } = vitepress(root, 'build');
  if (!ok) return [...problems, output];
  return [...problems];
}

export function serveSite(root: string): void {
  installSite(root);
  for (const problem of assemble(root).problems) console.error(problem);
  vitepress(root, 'dev');
}
