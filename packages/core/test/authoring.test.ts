import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as authoring from '../src/authoring.ts';

it('the page for authors has every name of the entry, and no other', () => {
  const page = readFileSync(new URL('../../../docs/authoring.md', import.meta.url), 'utf8');
  const named = new Set(page.slice(page.indexOf('\n## ')).match(/(?<=`)\w+(?=`)/g));
  const entry = readFileSync(new URL('../src/authoring.ts', import.meta.url), 'utf8');
  const exported = [...entry.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(
    ([, names = '']) => names.match(/\b(?!type\b)\w+/g) ?? [],
  );
  expect(Object.keys(authoring).filter((name) => !named.has(name))).toEqual([]);
  expect([...named].sort()).toEqual(exported.sort());
});
