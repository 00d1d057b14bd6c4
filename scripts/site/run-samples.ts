// Every sample that must run is run where the reader runs it: in Chromium, by the site's own runner.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type Block, findBlocks, isRun, printingProblem } from '../sample-blocks.ts';
import { sourcesIn } from '../workspace.ts';

interface Unsupported {
  /** A part of the code. */
  readonly pattern: string;
  readonly reason: string;
}

interface Outcome {
  /** Lines of standard output. */
  readonly printed: readonly string[];
  readonly failure: string | undefined;
}

interface PageRunner {
  runSample(
    code: string,
    sink: {
      printed(text: string, stream: 'out' | 'error'): void;
      ended(failure?: { readonly text: string }): void;
    },
    limitMs: number,
  ): () => void;
}

const AT_ONCE = 2;
const LIMIT_MS = 30_000;

async function runInPage(browser: Browser, runner: string, blocks: readonly Pick<Block, 'code'>[]) {
  const page = await browser.newPage();
  await page.goto(new URL('modules.json', runner).href);
  const outcomes: Outcome[] = [];
  for (const { code } of blocks) {
    const asked = { address: runner, code, limit: LIMIT_MS };
    outcomes.push(
      await page.evaluate(async ({ address, code, limit }) => {
        const { runSample } = (await import(address)) as PageRunner;
        const lines: string[] = [];
        const failure = await new Promise<string | undefined>((resolve) => {
          const sink = {
            printed: (text: string, stream: 'out' | 'error') => {
              if (stream === 'out') lines.push(...text.split('\n'));
            },
            ended: (why?: { readonly text: string }) => resolve(why?.text),
          };
          runSample(code, sink, limit);
        });
        return { printed: lines, failure };
      }, asked),
    );
  }
  await page.close();
  return outcomes;
}

function problemOf(block: Block, { printed, failure }: Outcome): string | undefined {
  if (failure !== undefined) return `the sample fails in a page: ${failure}`;
  const problem = printingProblem(block, printed.join('\n'));
  return problem === undefined ? undefined : `in a page the sample ${problem}`;
}

/** What a reader may write: the page goes on. */
async function floodProblems(browser: Browser, runner: string): Promise<string[]> {
  const code = 'for (;;) console.log("a line");';
  const [flood] = await runInPage(browser, runner, [{ code }]);
  if (flood?.failure === 'it was stopped after 1000 lines' && flood.printed.length === 1000)
    return [];
  return [
    `a sample that prints without end printed ${flood?.printed.length} lines: ${flood?.failure}`,
  ];
}

/** Why a sample does not run in a page, if `unsupported.json` says so. */
export function unsupportedIn(root: string): (block: Block) => Unsupported | undefined {
  const list = join(root, 'site', 'playground', 'unsupported.json');
  const unsupported = JSON.parse(readFileSync(list, 'utf8')) as Unsupported[];
  return ({ code }) => unsupported.find(({ pattern }) => new RegExp(pattern).test(code));
}

const IMPORT = /^import (?!type )(?:[^'\n]*|[^']*\} )from '([^']+)'|^import '([^']+)'/gm;

/** What samples import that a page has not, without a reason: found without a browser. */
export function missingInPage(root: string, pages: string): string[] {
  const file = join(pages, 'public', 'playground', 'modules.json');
  const modules = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string>>;
  const unsupported = unsupportedIn(root);
  return findBlocks(root)
    .filter((block) => isRun(block) && unsupported(block) === undefined)
    .flatMap(({ file, line, code }) =>
      [...code.matchAll(IMPORT)]
        .map(([, from, alone]) => from ?? alone ?? '')
        .filter((name) => modules[name] === undefined && modules[`node:${name}`] === undefined)
        .map((name) => `${file}:${line}: a page has no ${name}: unsupported.json says why`),
    );
}

/** Classes of ours that open files. Other users of files, such as a `PcapWriter`, can do without one. */
function classesOfFiles(root: string): string[] {
  return sourcesIn(root)
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .filter((text) => text.includes("from 'node:fs/promises'"))
    .flatMap((text) => [...text.matchAll(/^export class (\w+)/gm)].map(([, name = '']) => name));
}

/** Samples that open a file without a reason not to run in a page: found without a browser. */
export function filesInPage(root: string): string[] {
  const classes = classesOfFiles(root);
  const unsupported = unsupportedIn(root);
  return findBlocks(root)
    .filter((block) => isRun(block) && unsupported(block) === undefined)
    .flatMap(({ file, line, code }) =>
      classes
        .filter((name) => new RegExp(`\\bnew ${name}\\b`).test(code))
        .map(
          (name) => `${file}:${line}: a page has no files for ${name}: unsupported.json says why`,
        ),
    );
}

/** Runs all samples; those that `unsupported.json` names must fail. */
export async function checkSamplesInPage(
  root: string,
  browser: Browser,
  runner: string,
): Promise<{ problems: string[]; summary: string }> {
  const unsupported = unsupportedIn(root);
  const blocks = findBlocks(root).filter(isRun);
  const parts = Array.from({ length: AT_ONCE }, (_, i) =>
    blocks.filter((_block, at) => at % AT_ONCE === i),
  );
  const problems = await floodProblems(browser, runner);
  let held = 0;
  await Promise.all(
    parts.map(async (part) => {
      const outcomes = await runInPage(browser, runner, part);
      part.forEach((block, i) => {
        const problem = problemOf(block, outcomes[i]!);
        const listed = unsupported(block);
        if (problem === undefined) held += 1;
        const where = `${block.file}:${block.line}`;
        if (problem !== undefined && listed === undefined) problems.push(`${where}: ${problem}`);
        if (problem === undefined && listed !== undefined) {
          problems.push(
            `${where}: unsupported.json says "${listed.reason}", but it runs in a page`,
          );
        }
      });
    }),
  );
  return { problems, summary: `${held} of ${blocks.length} run in a page, the others say why not` };
}
