import { expect, it } from 'vitest';
import { checkLayers } from '../check-layers.ts';
import { describeProblem } from '../problem.ts';
import { manifest, tree } from './tree.ts';

const CORE = {
  'packages/core/package.json': manifest('core', { exports: { '.': {}, './testing': {} } }),
};

function problems(files: Readonly<Record<string, string>>): string[] {
  return checkLayers(tree({ ...CORE, ...files })).problems.map(describeProblem);
}

it('lets imports point down', () => {
  const found = problems({
    'packages/core/src/index.ts': "export { P } from './pipeline/p.ts';",
    'packages/core/src/contract.ts': 'export interface Channel { readonly id: string }',
    'packages/core/src/errors.ts': 'export class E extends Error {}',
    'packages/core/src/pipeline/p.ts':
      "import type { Channel } from '../contract.ts';\nimport { E } from '../errors.ts';\nexport class P extends E { c?: Channel }",
    'packages/core/src/channel/c.ts': "import { P } from '../pipeline/p.ts';\nnew P();",
  });
  expect(found).toEqual([]);
});

it('refuses siblings of core that import each other, also by type', () => {
  const found = problems({
    'packages/core/src/pipeline/p.ts': 'export class P {}',
    'packages/core/src/transport/t.ts': "\nexport type T = import('../pipeline/p.ts').P;",
  });
  expect(found).toEqual([
    expect.stringMatching(
      /^packages\/core\/src\/transport\/t\.ts:2: .*"transport" may not import "pipeline"/,
    ),
  ]);
});

it('refuses the way through index.ts and paths without an ending', () => {
  const found = problems({
    'packages/core/src/index.ts': 'export {};',
    'packages/core/src/group/g.ts': "import '../index.ts';\nimport './h';",
    'packages/core/src/group/h': '',
  });
  expect(found).toEqual([
    expect.stringContaining('g.ts:1: import of "../index.ts": goes through index.ts'),
    expect.stringContaining('g.ts:2: import of "./h": must name the file with its ending'),
  ]);
});

it('refuses packages that are siblings, hidden files and undeclared dependencies', () => {
  const found = problems({
    'packages/codec/package.json': manifest('codec', {
      dependencies: { '@headrace/core': '1', '@headrace/handlers': '1' },
    }),
    'packages/handlers/package.json': manifest('handlers'),
    'packages/codec/src/a.ts': [
      "import '@headrace/core';",
      "import '@headrace/handlers';",
      "import '@headrace/core/src/contract.ts';",
      "import '@headrace/core/testing';",
      "import 'ws';",
      "import '../../core/src/contract.ts';",
    ].join('\n'),
    'packages/codec/test/a.test.ts': "import '@headrace/core/testing';\nimport 'vitest';",
    'packages/core/src/contract.ts': 'export {};',
  });
  expect(found).toEqual([
    expect.stringContaining('a.ts:2: import of "@headrace/handlers": @headrace/codec may not'),
    expect.stringContaining('a.ts:3: import of "@headrace/core/src/contract.ts": @headrace/core/'),
    expect.stringContaining(
      'a.ts:4: import of "@headrace/core/testing": the test kit is for tests',
    ),
    expect.stringContaining('a.ts:5: import of "ws": ws is no dependency of @headrace/codec'),
    expect.stringContaining('a.ts:6: import of "../../core/src/contract.ts": leaves its package'),
  ]);
});

it('takes folders of a folder for parts of it', () => {
  const found = problems({
    'packages/core/src/contract.ts': 'export interface Channel { readonly id: string }',
    'packages/core/src/transport/transport.ts': "export type { Channel } from '../contract.ts';",
    'packages/core/src/transport/tls/t.ts': "export type { Channel } from '../transport.ts';",
    'packages/core/src/transport/node-handle/h.ts':
      "import '../tls/t.ts';\nimport '../../group/g.ts';",
    'packages/core/src/transport/stream/s.ts': "export type { Channel } from '../transport.ts';",
    'packages/core/src/group/g.ts': 'export {};',
    'packages/core/src/bootstrap/b.ts': "import '../transport/tls/t.ts';",
    'packages/core/src/channel/c.ts':
      "import '../transport/transport.ts';\nimport '../transport/stream/s.ts';",
  });
  expect(found).toEqual([
    expect.stringMatching(/c\.ts:2: .*"channel" may not import "transport"/),
    expect.stringMatching(/h\.ts:2: .*"transport" may not import "group"/),
  ]);
});

it('finds a cycle through folders of a folder', () => {
  const found = problems({
    'packages/core/src/transport/a.ts': "import './tls/b.ts';",
    'packages/core/src/transport/tls/b.ts': "import '../stream/c.ts';",
    'packages/core/src/transport/stream/c.ts': "import type {} from '../a.ts';",
  });
  expect(found).toEqual([
    expect.stringMatching(/import cycle: .*a\.ts → .*b\.ts → .*c\.ts → .*a\.ts$/),
  ]);
});

it('lets a second entry be assembled from everything, and nobody within import it', () => {
  const found = problems({
    'packages/core/package.json': manifest('core', {
      exports: { '.': {}, './authoring': {}, './testing': {} },
    }),
    'packages/core/src/authoring.ts':
      "export { check } from './internal/check.ts';\nexport { C } from './channel/c.ts';",
    'packages/core/src/internal/check.ts': 'export const check = 1;',
    'packages/core/src/channel/c.ts': 'export class C {}',
    'packages/core/src/pipeline/p.ts': "import { check } from '../authoring.ts';\ncheck;",
    'packages/codec/package.json': manifest('codec', { dependencies: { '@headrace/core': '1' } }),
    'packages/codec/src/a.ts':
      "import '@headrace/core/authoring';\nimport '@headrace/core/internal';",
  });
  expect(found).toEqual([
    expect.stringContaining(
      'a.ts:2: import of "@headrace/core/internal": @headrace/core/internal is',
    ),
    expect.stringContaining('p.ts:1: import of "../authoring.ts": goes through authoring.ts'),
  ]);
});

it('finds a cycle of type imports', () => {
  const found = problems({
    'packages/core/src/group/a.ts': "import type { B } from './b.ts';\nexport type A = B;",
    'packages/core/src/group/b.ts': "import type { A } from './a.ts';\nexport type B = A | 1;",
  });
  expect(found).toEqual([expect.stringMatching(/import cycle: .*a\.ts → .*b\.ts → .*a\.ts$/)]);
});

it('lets the folders of cluster import floors below them alone', () => {
  const found = problems({
    'packages/cluster/package.json': manifest('cluster', {}),
    'packages/cluster/src/index.ts': "import './cluster/c.ts';",
    'packages/cluster/src/cluster/c.ts': "import '../bus/nats/n.ts';",
    'packages/cluster/src/bus/nats/n.ts': "import '../b.ts';\nimport '../redis/r.ts';",
    'packages/cluster/src/bus/redis/r.ts': "import '../../node/w.ts';",
    'packages/cluster/src/bus/b.ts': 'export {};',
    'packages/cluster/src/node/w.ts': "import '../cluster/d.ts';\nimport '../bus/b.ts';",
    'packages/cluster/src/cluster/d.ts': 'export {};',
    'packages/cluster/src/other/o.ts': "import '../bus/b.ts';",
  });
  expect(found).toEqual([
    expect.stringMatching(/n\.ts:2: .*"bus\/nats" may not import "bus\/redis"/),
    expect.stringMatching(/r\.ts:1: .*"bus\/redis" may not import "node"/),
    expect.stringMatching(/w\.ts:1: .*"node" may not import "cluster"/),
    expect.stringMatching(/o\.ts:1: .*"other" has no floor/),
  ]);
});
