import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../workspace.ts';

const PAGES = ['requirements-of-specifications.md', 'yamux-bad-input.md'];

/** The tests that the tables of the pages name in their last column, with the files that should have them. */
function namedTests(): [file: string, name: string][] {
  const found: [string, string][] = [];
  let file = '';
  for (const page of PAGES) {
    for (const line of readFileSync(join(root, 'scripts/test', page), 'utf8').split('\n')) {
      file = /^File: `(.*)`$/.exec(line)?.[1] ?? file;
      const tests = line.startsWith('|') ? line.split('|').at(-2)!.trim() : '—';
      if (tests.startsWith('—')) continue;
      for (const [, name] of tests.matchAll(/`([^`]+)`/g)) found.push([file, name!]);
    }
  }
  return found;
}

describe('the requirements of specifications', () => {
  it('have the tests that their tables name', () => {
    const named = namedTests();
    expect(named.length).toBeGreaterThan(200);
    const missing = named.filter(
      ([file, name]) => !readFileSync(join(root, file), 'utf8').includes(name),
    );
    expect(missing).toEqual([]);
  });
});
