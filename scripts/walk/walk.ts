// ARCHITECTURE.md leads a newcomer along one message, file by file, in the order in which it really enters them.
// `npm run walk` records it and writes the table, `npm run check -- walk` compares. What happens in a file is
// written by hand, and kept when the table is made anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CheckResult, Problem } from '../problem.ts';
import { run } from '../program.ts';
import { root } from '../workspace.ts';

/** The functions that run in each file, by its path; both in the order of their first calls. */
export type Walk = Readonly<Record<string, readonly string[]>>;

const PAGE = 'ARCHITECTURE.md';
const BEGIN =
  '<!-- the walk: `npm run walk` writes what is between these marks, but keeps the words -->';
const END = '<!-- end of the walk -->';
const SECTION = new RegExp(`${BEGIN}[\\s\\S]*${END}`);
const ROW = /^\| [^|]* \| \[[^\]]*\]\(([^)]+)\) \| (.*?) \| [^|]* \|$/gm;

/** What would have other code run. */
const SWITCHES = ['NODE_OPTIONS', 'NODE_PENDING_DEPRECATION', 'HEADRACE_PUBLIC_API_ONLY'];

/** A program of its own: nothing else runs meanwhile, and no option of the caller's Node changes what runs. */
async function recordWalk(root: string): Promise<Walk> {
  const env = { ...process.env };
  for (const name of SWITCHES) delete env[name];
  const flags = ['--conditions=@headrace/source', '--import', './scripts/register.mjs'];
  const args = [...flags, 'scripts/walk/recording.ts'];
  const { ok, stdout, output } = await run(process.execPath, args, root, { env });
  if (!ok) throw new Error(`the recording failed:\n${output}`);
  return JSON.parse(stdout) as Walk;
}

/** The page with this walk in its table. */
export function pageWith(page: string, walk: Walk): string {
  const words = new Map(Array.from(page.matchAll(ROW), ([, path, text]) => [path, text]));
  const files = Object.entries(walk);
  const section = [
    BEGIN,
    '',
    `A frame in and its answer out, through a decoder, a handler of yours and a prepender: ${files.length} files.`,
    '',
    '| | File | What happens there | Entered at |',
    '| --- | --- | --- | --- |',
    ...files.map(([path, [first]], index) => {
      const name = path.replace(/^packages\//, '').replace('/src/', '/');
      return `| ${index + 1} | [${name}](${path}) | ${words.get(path) ?? ''} | \`${first}\` |`;
    }),
    '',
    END,
  ];
  if (!SECTION.test(page)) throw new Error(`${PAGE} lacks "${BEGIN}" or "${END}"`);
  return page.replace(SECTION, () => section.join('\n'));
}

/** What is wrong with a page's walk, when this walk was recorded. */
export function walkProblems(page: string, walk: Walk): Problem[] {
  const due = pageWith(page, walk);
  const lines = page.split('\n');
  const first = due.split('\n').find((line, index) => line !== lines[index]);
  const wordless = Array.from(due.matchAll(ROW)).filter(([, , words = '']) => words.trim() === '');
  const messages = wordless.map(([, path]) => `no words about ${path}`);
  if (due !== page)
    messages.unshift(`the walk is not the recorded one: run \`npm run walk\`. Due: ${first}`);
  return messages.map((message) => ({ file: PAGE, message }));
}

export async function checkWalk(root: string): Promise<CheckResult> {
  const walk = await recordWalk(root);
  const problems = walkProblems(readFileSync(join(root, PAGE), 'utf8'), walk);
  return { problems, summary: `${Object.keys(walk).length} files` };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const walk = await recordWalk(root);
  const page = readFileSync(join(root, PAGE), 'utf8');
  for (const [path, functions] of Object.entries(walk))
    console.log(`${path}: ${functions.join(', ')}`);
  writeFileSync(join(root, PAGE), pageWith(page, walk));
  console.log(`${PAGE} holds this walk`);
}
