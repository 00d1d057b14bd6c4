import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keepReachedDeclarations } from '../reached-declarations.mjs';
import { filesBelow } from '../source-file.ts';
import { tree } from './tree.ts';

/** What is left of the declarations of a package, by their paths. */
function kept(files: Record<string, string>, entries = ['index.d.ts']): Record<string, string> {
  const dist = tree(files);
  keepReachedDeclarations(
    dist,
    entries.map((entry) => join(dist, entry)),
  );
  const left = filesBelow(dist, '.', ['.d.ts']);
  return Object.fromEntries(left.map((path) => [path, readFileSync(join(dist, path), 'utf8')]));
}

test('a file that no entry reaches goes', () => {
  expect(kept({ 'index.d.ts': 'export {};\n', 'a.d.ts': 'export interface A {}\n' })).toEqual({
    'index.d.ts': 'export {};\n',
  });
});

test('a declaration that only other files used goes, with its documentation', () => {
  const inner = '/** Inner. */\nexport declare function inner(): void;\n';
  const a = '/** Shown. */\nexport declare class A {\n}\n';
  const index = "export { A } from './a.ts';\n";
  expect(kept({ 'index.d.ts': index, 'a.d.ts': inner + a })).toEqual({
    'index.d.ts': index,
    'a.d.ts': a,
  });
});

test('what a declaration names stays, wherever it is', () => {
  const files = {
    'index.d.ts': [
      "import type { Base as Mine } from './base.ts';",
      "import * as all from './all.ts';",
      'declare const OPTIONS: { a: number };',
      'export interface A extends Mine { b: typeof OPTIONS; c: import("./c.ts").C; d: all.D }',
      'export {};\n',
    ].join('\n'),
    'base.d.ts': "import type { E } from './deep/e.ts';\nexport interface Base { e: E }\n",
    'c.d.ts': 'export interface C {}\n',
    'all.d.ts': 'export interface D {}\nexport declare const e: number, f: string;\n',
    'deep/e.d.ts': "export type { E } from '../own.ts';\n",
    'own.d.ts': 'interface Own {}\nexport type { Own as E };\n',
  };
  expect(kept(files)).toEqual(files);
});

test.each([
  ['is not exported, in an entry', 'index.d.ts', 'declare const inner: number;\n'],
  ['has the name of a member', 'b.d.ts', 'export interface a {}\n'],
  ['names what stays', 'b.d.ts', 'export declare const b: B;\n'],
  ['is beside one in the type of an import', 'c.d.ts', 'export interface D {}\n'],
])('a declaration that %s goes', (_, path, inner) => {
  const files: Record<string, string> = {
    'index.d.ts': "import type { B } from './b.ts';\nexport interface A { a: B }\n",
    'b.d.ts': 'export interface B { a(): import("./c.ts").C }\n',
    'c.d.ts': 'export interface C {}\n',
  };
  expect(kept({ ...files, [path]: files[path] + inner })).toEqual(files);
});

test('all declarations of one name stay together', () => {
  const files = {
    'index.d.ts': "export { a } from './a.ts';\n",
    'a.d.ts':
      'export declare function a(): void;\nexport declare namespace a {\n}\nexport interface a {}\n',
  };
  expect(kept(files)).toEqual(files);
});

test('a list keeps the names that are used', () => {
  const files = {
    'index.d.ts': "export { A } from './a.ts';\n",
    'a.d.ts': [
      "import { type B, type C, D } from 'other';",
      "import type { E } from './e.ts';",
      'export interface A { c: C; d: D }',
      'export interface F { b: B; e: E }\n',
    ].join('\n'),
    'e.d.ts': 'export interface E {}\n',
  };
  expect(kept(files)).toEqual({
    'index.d.ts': "export { A } from './a.ts';\n",
    'a.d.ts': "import { type C, D } from 'other';\nexport interface A { c: C; d: D }\n",
  });
});

test('what a file declares for others stays if the file does', () => {
  const files = {
    'index.d.ts': "import './global.ts';\nexport * from './b.ts';\nexport * from 'other';\n",
    'global.d.ts':
      "import type { A } from './a.ts';\ndeclare global {\n    interface Window { a: A }\n}\ndeclare module 'm' {\n}\n",
    'a.d.ts': 'export interface A {}\n',
    'b.d.ts': 'declare const b: number;\nexport default b;\n',
  };
  expect(kept(files)).toEqual(files);
});

test('two entries have a type from one file', () => {
  const files = {
    'index.d.ts': "export { A } from './shared.ts';\n",
    'testing.d.ts': "export { B } from './shared.ts';\n",
    'shared.d.ts': 'export interface A {}\nexport interface B {}\n',
  };
  expect(kept(files, ['index.d.ts', 'testing.d.ts'])).toEqual(files);
});

test('a private member stays, its documentation goes', () => {
  const text = [
    'export declare class A {',
    '    /** Seen. */',
    '    readonly a: number;',
    '    /** Not seen. */',
    '    private readonly b;',
    '    /** Not seen. */',
    '    private get c();',
    '    private static d;',
    '    /** For heirs. */',
    '    protected e(): void;',
    '}\n',
  ];
  expect(kept({ 'index.d.ts': text.join('\n') })).toEqual({
    'index.d.ts': text.filter((line) => !line.includes('Not seen')).join('\n'),
  });
});
