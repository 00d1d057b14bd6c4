import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noteCopy } from '../../src/package/note-copy.ts';

const NAME = '@headrace/core';
const warn = vi.spyOn(process, 'emitWarning');
beforeEach(() => void warn.mockReset());
afterEach(() => void warn.mockReset());

function loadedAt(frame: string | undefined): Error {
  const error = new Error('loaded here');
  const stack = frame === undefined ? undefined : `Error: loaded here\n    at ${frame}\n    at x:1`;
  Object.defineProperty(error, 'stack', { value: stack });
  return error;
}

/** Loads copies, and returns the warnings. */
function load(...copies: [version: string, frame: string | undefined][]): string[] {
  const key = Symbol('a package for this test');
  for (const [version, frame] of copies) noteCopy(key, NAME, { version, loaded: loadedAt(frame) });
  return warn.mock.calls.map(([text]) => String(text));
}

const A = 'file:///app/node_modules/@headrace/core/dist/copy.js:5:10';
const B = 'file:///app/node_modules/old%20one/node_modules/@headrace/core/dist/copy.js:5:10';

describe('noteCopy', () => {
  it('warns of two versions, with both places and what to do', () => {
    const [warning, ...others] = load(['0.2.0', A], ['0.1.0', B]);
    expect(others).toEqual([]);
    expect(warning).toContain('0.2.0 in /app/node_modules/@headrace/core and ');
    expect(warning).toContain('0.1.0 in /app/node_modules/old one/node_modules/@headrace/core.');
    expect(warning).toContain('npm ls @headrace/core');
    expect(warning).toMatch(
      /https:\/\/headrace\.github\.io\/headrace\/guides\/bundlers-jest-commonjs#two-copies-of-core$/,
    );
    expect(warn.mock.lastCall?.[1]).toEqual({
      type: 'HeadraceWarning',
      code: 'HR_WARN_TWO_COPIES',
    });
  });

  it('warns of one version in two places, and of two versions in one bundle', () => {
    expect(load(['0.1.0', A], ['0.1.0', B])).toHaveLength(1);
    const bundle = 'Object.<anonymous> (/app/out.cjs:7:1)';
    expect(load(['0.1.0', bundle], ['0.2.0', bundle])).toHaveLength(2);
  });

  it('warns once, however many copies there are', () => {
    expect(load(['0.1.0', A], ['0.1.0', B], ['0.3.0', A], ['0.2.0', B])).toHaveLength(1);
  });

  it('does not warn of the same file, however it was loaded', () => {
    const asCommonJs = 'Object.<anonymous> (/app/node_modules/@headrace/core/dist/copy.js:9:3)';
    const byVite = `${A.slice('file://'.length).replace('.js', '.js?v=12')}`;
    expect(load(['0.1.0', A], ['0.1.0', A], ['0.1.0', asCommonJs], ['0.1.0', byVite])).toEqual([]);
    const windows = 'file:///C:/app/node_modules/@headrace/core/dist/copy.js:5:10';
    const require =
      'Object.<anonymous> (C:\\app\\node_modules\\@headrace\\core\\dist\\copy.js:5:10)';
    expect(load(['0.1.0', windows], ['0.1.0', require])).toEqual([]);
  });

  it('goes by the version alone where the engine shows no place', () => {
    expect(load(['0.1.0', undefined], ['0.1.0', A])).toEqual([]);
    expect(load(['0.1.0', undefined], ['0.2.0', 'native'])).toHaveLength(1);
  });

  it('shows a place that is encoded badly as it is', () => {
    expect(load(['0.1.0', A], ['0.2.0', 'file:///%zz/copy.js:1:1'])[0]).toContain('0.2.0 in /%zz/');
  });
});

describe('copy.ts', () => {
  const read = (path: string): string =>
    readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

  it('has the version of the package', () => {
    const { version }: { version: string } = JSON.parse(read('package.json'));
    expect(read('src/copy.ts')).toContain(`version: '${version}',`);
  });

  it('is loaded by each entry, and bundlers are told that it does something', () => {
    const {
      exports,
      sideEffects,
    }: { exports: Record<string, Record<string, string>>; sideEffects: string[] } = JSON.parse(
      read('package.json'),
    );
    // Node's Buffer has no second copy.
    const { './buffer': _, ...own } = exports;
    const entries = Object.values(own).flatMap((one) => one['@headrace/source'] ?? []);
    expect(entries).toHaveLength(3);
    for (const entry of entries) expect(read(entry)).toMatch(/^import '\.{1,2}\/copy\.ts';$/m);
    for (const file of ['./src/copy.ts', ...entries]) {
      const built = file.replace('./src/', './dist/').replace(/ts$/, 'js');
      expect(sideEffects).toEqual(expect.arrayContaining([file, built]));
    }
  });
});
