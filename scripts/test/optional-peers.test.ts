// What a user brings along only for some entries: without it, the error says what to install, or troubleshooting does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, foldersIn } from '../source-file.ts';
import { root } from '../workspace.ts';

interface Optional {
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const PEERS = foldersIn(root, 'packages').flatMap((folder) => {
  const { peerDependenciesMeta = {} }: Optional = JSON.parse(read(`${folder}/package.json`));
  return Object.keys(peerDependenciesMeta).map((name) => ({ folder, name }));
});

test.each(PEERS)('$name of $folder', ({ folder, name }) => {
  const sources = filesBelow(root, `${folder}/src`, ['.ts']).map(read);
  const code = sources.map((text) => text.replaceAll(/\/\*\*[\s\S]*?\*\//g, '')).join('\n');
  const quoted = `'${name}(?:/[^']*)?'`;
  // An import at run time tells by itself.
  const later = [...code.matchAll(new RegExp(`(typeof )?import\\(${quoted}\\)`, 'g'))];
  const told = [...code.matchAll(new RegExp(`importPeer\\([^;]*?import\\(${quoted}\\)`, 'g'))];
  expect(told).toHaveLength(later.filter(([, isType]) => isType === undefined).length);
  // Node fails before any code of ours runs.
  const atOnce = new RegExp(`^(?:import|export) (?!type\\b)[^;']*from ${quoted}`, 'm').test(code);
  if (atOnce) expect(read('docs/troubleshooting.md')).toContain(`\`${name}\``);
});
