import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../workspace.ts';

/** A temporary repository with these files, removed after the test. */
export function tree(files: Readonly<Record<string, string>>): string {
  const { path: root, [Symbol.dispose]: remove } = temporaryFolder();
  onTestFinished(remove);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

export function manifest(name: string, more: object = {}): string {
  return JSON.stringify({ name: `@headrace/${name}`, exports: { '.': {} }, ...more });
}
