// The image of a project where there is no Docker: the instructions of its Dockerfile, with folders in place of stages.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stagesOf } from '../../packages/create-headrace/test/fixture/dockerfile.ts';
import { must } from '../program.ts';
import { filesBelow } from '../source-file.ts';

/** Builds it; gives the folder in which its command runs. */
export async function buildImage(
  project: string,
  into: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const roots = new Map<string, string>();
  let root = '';
  let workdir = '';
  for (const [name, rest] of stagesOf(readFileSync(join(project, 'Dockerfile'), 'utf8')).flat()) {
    if (name === 'FROM') {
      const stage = / AS (\S+)$/.exec(rest)?.[1] ?? 'last';
      root = join(into, stage);
      roots.set(stage, root);
    } else if (name === 'WORKDIR') {
      workdir = join(root, rest);
      mkdirSync(workdir, { recursive: true });
    } else if (name === 'RUN') await must('sh', ['-c', rest], workdir, env);
    else if (name === 'COPY') {
      const [, stage, words = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(rest)!;
      const sources = words.split(' ');
      const target = sources.pop()!;
      if (stage === undefined) for (const source of sources) copyContext(project, source, workdir);
      else copyStage(roots.get(stage)!, sources, join(workdir, target), target.endsWith('/'));
    } else assert.match(name, /^(?:ENV|USER|EXPOSE|HEALTHCHECK|CMD)$/);
  }
  return workdir;
}

function copyStage(root: string, sources: readonly string[], to: string, isFolder: boolean): void {
  for (const source of sources) {
    const target = isFolder ? join(to, source.slice(source.lastIndexOf('/'))) : to;
    cpSync(join(root, source), target, { recursive: true, verbatimSymlinks: true });
  }
}

/** Files that the pattern names and .dockerignore does not. */
function copyContext(project: string, pattern: string, workdir: string): void {
  const ignored = readFileSync(join(project, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(matcher);
  const wanted = pattern === '.' ? /^/ : matcher(pattern);
  for (const file of filesBelow(project, '.', [''])) {
    const path = file.replace(/^\.\//, '');
    if (!wanted.test(path) || ignored.some((one) => one.test(path))) continue;
    cpSync(join(project, path), join(workdir, path), { recursive: true });
  }
}

/** Of a path, or of a folder above it. */
function matcher(pattern: string): RegExp {
  const any = pattern
    .replaceAll(/[.]/g, '\\.')
    .replace(/^\*\*\//, '(?:.*/)?')
    .replaceAll(/(?<![).])\*/g, '[^/]*');
  return new RegExp(`^${any}(?:/|$)`);
}
