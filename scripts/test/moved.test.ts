import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow } from '../source-file.ts';
import { allEntries, root } from '../workspace.ts';

/** The names that an old entry refuses, and the arguments of its error: the old entry, and where the names are now. */
const REFUSED = /const \{([^}]*)\} = moved\(([^;]*)\);/;
/** A part of a program, which no package exports now. */
const INTERNAL = new Set(['main']);

const refused = filesBelow(root, 'packages', ['.ts'])
  .filter((file) => file.includes('/src/moved/'))
  .flatMap((file) => {
    const [, names, places] = REFUSED.exec(readFileSync(join(root, file), 'utf8')) ?? [];
    if (names === undefined || places === undefined) return [];
    const quoted = Array.from(places.matchAll(/'([^']+)'/g), ([, text]) => text!);
    const packages = quoted.slice(1).filter((text) => text.startsWith('@headrace/'));
    return [{ file, packages, names: names.split(',').map((name) => name.trim()) }];
  });

describe('an entry that moved', () => {
  it('is found', () => {
    expect(refused.length).toBeGreaterThan(3);
  });

  it.each(refused)(
    '$file names the packages that export its names',
    async ({ packages, names }) => {
      const entries = allEntries(root).filter(({ name }) => packages.includes(name));
      const exported = await Promise.all(
        entries.map(({ source }) => import(join(root, source)) as Promise<object>),
      );
      const found = new Set(exported.flatMap(Object.keys));
      const wanted = names.filter((name) => name !== '' && !INTERNAL.has(name));
      expect(wanted.filter((name) => !found.has(name))).toEqual([]);
    },
  );
});
