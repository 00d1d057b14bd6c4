// The tools of the site are in a project of their own, installed when they are first needed.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installOwnProject } from '../own-project.ts';
import { assemble } from './assemble.ts';
import { describedSets } from './option-sets.ts';

/** What runs in the reader's browser: site/.pages/public/playground. */
function buildPlayground(root: string): void {
  installOwnProject(root, 'site/playground');
  const program = join(root, 'site', 'playground', 'build.mjs');
  const out = join(root, 'site', '.pages', 'public', 'playground');
  const { status, stderr } = spawnSync(process.execPath, [program, out], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the playground cannot be built: ${stderr}`);
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
  installOwnProject(root, 'site');
  const { problems } = assemble(root, describedSets(root));
  buildPlayground(root);
  const { ok, output } = vitepress(root, 'build');
  if (!ok) return [...problems, output];
  return [...problems];
}

export function serveSite(root: string): void {
  installOwnProject(root, 'site');
  for (const problem of assemble(root, describedSets(root)).problems) console.error(problem);
  buildPlayground(root);
  vitepress(root, 'dev');
}
