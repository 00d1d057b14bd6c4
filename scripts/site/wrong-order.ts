// The home page shows a pipeline in the wrong order, and what the compiler says of it: this compiles it and compares.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksIn } from '../sample-blocks.ts';
import { compileFiles } from '../tools.ts';
import { writeFiles } from '../workspace.ts';

const FOLDER = '.tmp/wrong-order';
const SOURCE = 'site/home.md';
const inOneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

export async function wrongOrderProblems(root: string): Promise<string[]> {
  const blocks = blocksIn(SOURCE, readFileSync(join(root, SOURCE), 'utf8'));
  const wrong = blocks.findIndex(({ info }) => /^ts wrong\b/.test(info));
  const { code, line } = blocks[wrong] ?? { code: '', line: 0 };
  const shown = inOneLine(blocks[wrong + 1]?.code ?? '');
  if (wrong < 0) return [`${SOURCE} shows no pipeline that does not compile`];
  const file = `${FOLDER}/wrong-order.ts`;
  writeFiles(root, { [file]: `${code}\nexport {};\n` });
  const paths = { headrace: ['../../packages/headrace/src/index.ts'] };
  const diagnostics = await compileFiles(root, FOLDER, [file], { paths });
  const said = diagnostics.map((one) => inOneLine(`error ${one.message}`)).join(' ');
  if (said === shown) return [];
  return [`${SOURCE}:${line}: the compiler says "${said}", not "${shown}"`];
}
