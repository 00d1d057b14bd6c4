import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkBorder } from '../check-border.ts';
import { describeProblem } from '../problem.ts';
import type { Files } from '../workspace.ts';
import { root } from '../workspace.ts';
import { tree } from './tree.ts';

const PAGE = 'docs/decisions/0094-the-contracts-of-the-kernel-are-recorded.md';
const CONTRACT = 'packages/core/src/contract.ts';
const CLOCK = 'packages/core/src/contract/clock.ts';

const PACKAGES = {
  '.changeset/config.json': { fixed: [['@headrace/core', '@headrace/codec']] },
  'packages/core/package.json': {},
  'packages/cluster/package.json': {},
};

const found = (files: Files): string[] =>
  checkBorder(tree({ ...PACKAGES, ...files })).problems.map(describeProblem);

/** A page that records the two files as they are. */
function recorded(files: Files): string {
  const page = '```text contracts\ncontract.ts ?\ncontract/ ?\n```\n';
  const [one, two] = found({ ...files, [PAGE]: page }).map((text) => text.slice(-12));
  return `\`\`\`text contracts\ncontract.ts ${one}\ncontract/ ${two}\n\`\`\`\n`;
}

it('finds a contract that changed without its record, but not a comment', () => {
  const files = { [CONTRACT]: 'export type A = 1;', [CLOCK]: 'export type B = 1;' };
  const page = { [PAGE]: recorded(files) };
  expect(found({ ...files, ...page })).toEqual([]);
  expect(found({ ...files, ...page, [CONTRACT]: '/** One. */\nexport type A =\n  1;' })).toEqual(
    [],
  );
  expect(found({ ...files, ...page, [CONTRACT]: 'export type A = 2;' })).toEqual([
    expect.stringContaining(`${PAGE}: contract.ts is not as recorded`),
  ]);
  expect(found({ ...files, ...page, 'packages/core/src/contract/new.ts': '' })).toEqual([
    expect.stringContaining(`${PAGE}: contract/ is not as recorded`),
  ]);
});

it('finds a product that the kernel names', () => {
  const page = { [PAGE]: recorded({}) };
  const [inComment, inCode, ...more] = found({
    ...page,
    'packages/handlers/src/one.ts': '\nexport class GatewayHolds {\n  gateway = 1;\n}',
    'packages/codec/src/two.ts': "// as of '@headrace/cluster'",
    'packages/lasting/src/three.ts': 'export const lasting = 1;',
    'packages/core/src/four.ts':
      "export class DatagramNetwork {} // '@headrace/clusters', '@headrace/core'",
  });
  expect(inComment).toContain(
    'packages/codec/src/two.ts:1: the kernel does not know "@headrace/cluster"',
  );
  expect(inCode).toContain('packages/handlers/src/one.ts:3: the kernel does not know "gateway"');
  expect(more).toEqual([]);
});

it('the page records the contracts', () => {
  const page = readFileSync(join(root, PAGE), 'utf8');
  const paths = ['contract.ts', 'contract/', 'transport/transport.ts', 'authoring.ts'];
  for (const path of paths) expect(page).toMatch(new RegExp(`^${path} [0-9a-f]{12}$`, 'm'));
});
