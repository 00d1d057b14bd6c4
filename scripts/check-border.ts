// The border of the kernel, which is core, codec and handlers. What its entries promise changes only together with the decision
// page that records it, and its sources do not name the products that are built on it.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { KERNEL, productFolders } from './kernel.ts';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn } from './source-file.ts';

const PAGE = 'docs/decisions/0094-the-contracts-of-the-kernel-are-recorded.md';
/** What products have beside packages and folders. */
const FEATURES = ['substream', 'hand-over', 'perPeer', 'toPeer', 'maxPeers', 'webSocketHeartbeat'];
/** Folders whose name is a term of the field or a plain word, which the kernel needs without thinking of a product. */
const TERMS = new Set([
  ...['datagram', 'engine', 'http', 'mqtt', 'namespace', 'packet', 'tcp', 'udp', 'websocket'],
  ...[
    'address',
    'application',
    'asking',
    'client',
    'compare',
    'database',
    'delivery',
    'envelope',
    'error',
  ],
  ...[
    'exchange',
    'explore',
    'feed',
    'host',
    'items',
    'keys',
    'live',
    'memory',
    'network',
    'node',
    'pace',
    'pool',
  ],
  ...['port', 'position', 'process', 'protocol', 'proxy', 'reconnect', 'relay', 'request', 'route'],
  ...['server', 'service', 'socket', 'state', 'users', 'watch', 'wire', 'worker', 'world'],
]);

export function checkBorder(root: string): CheckResult {
  const problems = [...unrecorded(root), ...namedProducts(root), ...ofOneProduct(root)];
  return { problems, summary: `what the kernel promises is as ${PAGE} says` };
}

/**
 * The entries of the kernel whose report is not that of the last change which names it. A change is recorded by what became of
 * the reports, and why; a digest alone is no record.
 */
function unrecorded(root: string): Problem[] {
  const recorded = recordedDigests(readFileSync(join(root, PAGE), 'utf8'));
  const entries = new Map([...recorded.keys()].map((entry) => [entry, 'gone']));
  const ofKernel = new RegExp(`^((?:${KERNEL.join('|')})(?:\\..+)?)\\.api\\.md$`);
  for (const file of readdirSync(join(root, 'api'))) {
    const entry = ofKernel.exec(file)?.[1];
    if (entry !== undefined) entries.set(entry, digestOf(readFileSync(join(root, 'api', file))));
  }
  return [...entries].flatMap(([entry, digest]) => {
    if (recorded.get(entry) === digest) return [];
    const line = `- \`${entry}\` ${digest}: what changed, and why`;
    return [{ file: PAGE, message: `the page does not know api/${entry}.api.md: add "${line}"` }];
  });
}

/** By entry; that of the first line that names it, because the last change stands first. */
function recordedDigests(page: string): Map<string, string> {
  const digests = new Map<string, string>();
  for (const [, records = ''] of page.matchAll(/^- ((?:`[\w.-]+` \w+[,:]\s+)+)(?!- )\S/gm)) {
    for (const [, entry = '', digest = ''] of records.matchAll(/`([\w.-]+)` (\w+)/g)) {
      if (!digests.has(entry)) digests.set(entry, digest);
    }
  }
  return digests;
}

function digestOf(report: Buffer): string {
  return createHash('sha256').update(report).digest('hex').slice(0, 12);
}

function namedProducts(root: string): Problem[] {
  const problems: Problem[] = [];
  const named = new RegExp(productWords(root).map(formsOf).join('|'));
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

/** The names of the packages above the kernel and of the folders in them, but not of folders that the kernel has, too. */
function productWords(root: string): string[] {
  const ofKernel = KERNEL.flatMap((name) => filesBelow(root, `packages/${name}/src`, ['.ts']));
  const shared = new Set(ofKernel.flatMap((file) => file.split('/')));
  const words = new Set(
    productFolders(root).flatMap((folder) => [
      basename(folder),
      ...filesBelow(root, `${folder}/src`, ['.ts']).flatMap((file) => file.split('/').slice(3, -1)),
    ]),
  );
  return [...words, ...FEATURES].filter((word) => !shared.has(word) && !TERMS.has(word));
}

/**
 * A word, its plural, and a part of a longer name, such as `ClusterGroup` or `BUS_DOWN`. `no-store` and the module `node:cluster`
 * are others.
 */
function formsOf(word: string): string {
  const capital = word.charAt(0).toUpperCase() + word.slice(1);
  return [
    `(?<![A-Za-z-]|node:)${word}(?:e?s)?(?![a-z])`,
    `(?<![A-Z])${capital}(?:e?s)?(?![a-z])`,
    `(?<![A-Z])${word.toUpperCase()}S?(?![A-Z])`,
  ].join('|');
}

/**
 * What `@headrace/core/authoring` has from one file for one product, and core itself does not use: it is that product's. A pair of
 * names in a file, such as to mark and to ask, has the users of both.
 */
function ofOneProduct(root: string): Problem[] {
  const core = 'packages/core/src';
  const page = join(root, core, 'authoring.ts');
  if (!existsSync(page)) return [];
  const lists = readFileSync(page, 'utf8').matchAll(/\{([^}]*)\} from '\.\/([^']+)'/g);
  const sources = foldersIn(root, 'packages').flatMap((folder) =>
    filesBelow(root, `${folder}/src`, ['.ts']).map((file) => ({
      file,
      text: readFileSync(join(root, file), 'utf8'),
    })),
  );
  return [...lists].flatMap(([, list = '', from = '']) => {
    const names = list.replaceAll('type ', '').match(/\w+/g) ?? [];
    const named = new RegExp(`\\b(?:${names.join('|')})\\b`);
    const users = new Set(
      sources
        .filter(({ file, text }) => !declares(file, from) && named.test(text))
        .map(({ file }) => file.split('/')[1] ?? ''),
    );
    const [only = '', ...more] = users;
    if (more.length > 0 || [...KERNEL, ''].includes(only)) return [];
    const message = `only ${only} uses what ${from} has: it belongs there`;
    return [{ file: `${core}/authoring.ts`, message }];
  });
}

/** Whether a file of core has these names, or passes them on. Its twin for pages has the same base name. */
function declares(file: string, from: string): boolean {
  if (!file.startsWith('packages/core/')) return file.startsWith('packages/headrace/');
  return ['authoring.ts', basename(from)].includes(basename(file));
}
