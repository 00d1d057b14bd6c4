// The border of the kernel, which is core, codec and handlers. Its contracts change only together with the decision page that
// records them, and its sources do not name the products that are built on it.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { productFolders } from './kernel.ts';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, readSource } from './source-file.ts';

const PAGE = 'docs/decisions/0094-the-contracts-of-the-kernel-are-recorded.md';
const KERNEL = ['core', 'codec', 'handlers'];
/** Terms of the field, such as datagram and WebSocket, are not the name of a product. */
const WORDS = [
  'gateways?',
  'durable',
  'lasting',
  'tunnels?',
  'yamux',
  'simulations?',
  'substreams?',
  'hand-overs?',
  'perPeer',
  'toPeer',
  'maxPeers',
  'webSocketHeartbeat',
];

export function checkBorder(root: string): CheckResult {
  const problems = [...unrecorded(root), ...namedProducts(root)];
  return { problems, summary: `the contracts of the kernel are those of ${PAGE}` };
}

/** The contracts that differ from the record: lines of a path below core's `src`, and a digest. */
function unrecorded(root: string): Problem[] {
  const [, block = ''] =
    /^```text contracts\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, PAGE), 'utf8')) ?? [];
  return block
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [path = '', recorded = ''] = line.split(' ');
      const digest = digestOf(root, `packages/core/src/${path}`);
      if (digest === recorded) return [];
      const message = `${path} is not as recorded: say under "Changes" what changed and why, and record ${digest}`;
      return [{ file: PAGE, message }];
    });
}

/** The digest of the code of a file, or of all files of a folder, without comments and spaces. */
function digestOf(root: string, path: string): string {
  const hash = createHash('sha256');
  const files = path.endsWith('/') ? filesBelow(root, path, ['.ts']) : [path];
  for (const file of files.filter((one) => existsSync(join(root, one)))) {
    const { text, comments } = readSource(root, file);
    let code = '';
    let from = 0;
    for (const { start, end } of comments) {
      code += text.slice(from, start);
      from = end;
    }
    hash.update(`${file}\n${(code + text.slice(from)).replace(/\s/g, '')}\n`);
  }
  return hash.digest('hex').slice(0, 12);
}

function namedProducts(root: string): Problem[] {
  const problems: Problem[] = [];
  const names = productFolders(root).map((folder) => `@headrace/${basename(folder)}`);
  const named = new RegExp(`\\b(?:${WORDS.join('|')})\\b|(?:${names.join('|')})(?![\\w-])`, 'i');
  for (const name of KERNEL) {
    for (const file of filesBelow(root, `packages/${name}/src`, ['.ts'])) {
      const lines = readFileSync(join(root, file), 'utf8').split('\n');
      for (const [at, line] of lines.entries()) {
        const product = named.exec(line)?.[0];
        if (product === undefined) continue;
        const message = `the kernel does not know "${product}": say what any user of it needs`;
        problems.push({ file, line: at + 1, message });
      }
    }
  }
  return problems;
}
