// Counts of lines and measured ratios that the documentation tells: `npm run counts` writes them, `npm run check -- docs`
// holds them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Result, verdictsOf } from '../benchmarks/harness/report.ts';
import { writeInstallation } from './on-npm.ts';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow } from './source-file.ts';
import { root } from './workspace.ts';

interface Count {
  readonly file: string;
  /** The words around a number; each `#` is one. */
  readonly words: string;
  readonly numbers: (root: string) => readonly number[];
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n');
const isCode = (line: string): boolean => !/^\s*(?:\/\/|\/?\*|$)/.test(line);

/** All lines below a folder. */
const lines =
  (folder: string, endings = ['.ts']) =>
  (root: string): readonly number[] => {
    const files = filesBelow(root, folder, endings);
    const counts = files.map((file) => linesOf(readFileSync(join(root, file), 'utf8')).length);
    return [counts.reduce((sum, count) => sum + count, 0)];
  };

/** The fewest and the most lines of code of a system of the gallery. */
function gallery(root: string): readonly number[] {
  const source = (name: string) => readFileSync(join(root, 'examples/gallery/src', name), 'utf8');
  const names = /NAMES = \[([^\]]*)\]/.exec(source('systems.ts'))?.[1] ?? '';
  const counts = [...names.matchAll(/'([^']+)'/g)].map(
    ([, name]) => linesOf(source(`${name}.ts`)).filter(isCode).length,
  );
  return [Math.min(...counts), Math.max(...counts)];
}

const WORK = '50 connections x 16 in flight x 1024 bytes';

/** The CPU time beside a peer's, as it was recorded last, to one decimal place. */
const beside =
  (title: string, peer: string) =>
  (root: string): readonly number[] => {
    const text = readFileSync(join(root, 'docs/performance/figures.json'), 'utf8');
    const { results } = JSON.parse(text) as { readonly results: readonly Result[] };
    const result = results.find((one) => one.title === title);
    const verdict = result && verdictsOf(result).find(({ goal }) => goal.to === peer);
    return [Number(verdict?.spread.median.toFixed(1))];
  };

const CHAT = lines('examples/broadcast-chat/src');
/** With the page's program, document and style sheet. */
const SHOWCASE = lines('examples/chat-showcase', ['.ts', '.html', '.css']);

const COUNTS: readonly Count[] = [
  { file: 'README.md', words: 'a quarter of an hour, # lines', numbers: CHAT },
  {
    file: 'README.md',
    words: 'uses # of the CPU that Netty needs',
    numbers: beside(`echo, ${WORK}`, 'netty'),
  },
  {
    file: 'README.md',
    words: 'it uses # of what a server tuned by hand',
    numbers: beside(`echo with 40 MB of state, ${WORK}`, 'net hand-tuned'),
  },
  { file: 'site/home.md', words: 'in # lines.', numbers: CHAT },
  { file: 'examples/chat-showcase/README.md', words: 'which is # lines:', numbers: CHAT },
  {
    file: 'README.md',
    words: '# lines with its page,',
    numbers: SHOWCASE,
  },
  { file: 'README.md', words: 'each in # to # lines of code', numbers: gallery },
  { file: 'docs/gallery.md', words: 'rebuilt in # to # lines of code', numbers: gallery },
  {
    file: 'examples/gallery/README.md',
    words: 'rebuilt in # to # lines of code',
    numbers: gallery,
  },
  {
    file: 'examples/mini-redis/README.md',
    words: 'A Redis server in # lines',
    numbers: lines('examples/mini-redis/src'),
  },
  {
    file: 'examples/port-forwarder/README.md',
    words: 'are passed on. # lines.',
    numbers: lines('examples/port-forwarder/src'),
  },
  {
    file: 'examples/syslog-receiver/README.md',
    words: '(RFC 6587). # lines.',
    numbers: lines('examples/syslog-receiver/src'),
  },
  {
    file: 'examples/vehicle-map/README.md',
    words: 'has changed meanwhile. # lines.',
    numbers: lines('examples/vehicle-map/src'),
  },
  {
    file: 'examples/socket-io-chat/README.md',
    words: 'one in Python. # lines.',
    numbers: lines('examples/socket-io-chat/src'),
  },
];

/** Finds the words with any numbers in them. */
function patternOf(words: string): RegExp {
  const escaped = words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(escaped.replaceAll('#', '\\d(?:[\\d,.]*\\d)?').replaceAll(' ', '\\s+'));
}

/** The text that stands there, and with its numbers right; `undefined` if the words are not there. */
function compare(root: string, { file, words, numbers }: Count) {
  const text = readFileSync(join(root, file), 'utf8');
  const found = patternOf(words).exec(text)?.[0];
  const right = [...numbers(root)].map((number) => number.toLocaleString('en-US'));
  return {
    text,
    found,
    wanted: found?.replace(/\d(?:[\d,.]*\d)?(?!\d*\))/g, () => right.shift() ?? '?'),
  };
}

export function checkCounts(root: string, counts: readonly Count[] = COUNTS): CheckResult {
  const problems: Problem[] = counts.flatMap((count) => {
    const { found, wanted } = compare(root, count);
    if (found === undefined) return [{ file: count.file, message: `no "${count.words}"` }];
    if (found === wanted) return [];
    return [{ file: count.file, message: `"${found}" should be "${wanted}": npm run counts` }];
  });
  return { problems, summary: `${counts.length} counts of lines and ratios hold` };
}

export function writeCounts(root: string, counts: readonly Count[] = COUNTS): void {
  for (const count of counts) {
    const { text, found, wanted } = compare(root, count);
    if (found === undefined || wanted === undefined) continue;
    writeFileSync(
      join(root, count.file),
      text.replace(found, () => wanted),
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeCounts(root);
  writeInstallation(root);
}
