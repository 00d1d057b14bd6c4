import { onTestFinished } from 'vitest';
import { type Files, temporaryFolder, writeFiles } from '../workspace.ts';

/** A temporary repository with these files, removed after the test. */
export function tree(files: Files): string {
  const { path, [Symbol.dispose]: remove } = temporaryFolder();
  onTestFinished(remove);
  return writeFiles(path, files);
}

export function manifest(name: string): object {
  return { name: `@headrace/${name}`, exports: { '.': {} } };
}
