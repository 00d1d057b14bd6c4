// Code in the documentation runs. A block that begins with "```ts run", in a *.md file or in a JSDoc
// comment of packages/*/src, is type-checked and executed: it must end by itself with exit code 0.
// Comments "// prints <line>" are what it must print on standard output, in their order.
// A block that begins with "```ts check" is type-checked only.
// Both with the packages as they are published: a reader has no others, and they load several times as fast as sources.
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packAll, WORK } from './packed-packages.ts';
import type { CheckResult, Problem } from './problem.ts';
import { run } from './program.ts';
import { type Block, findBlocks, isRun, printingProblem } from './sample-blocks.ts';
import { compileFiles } from './tools.ts';
import { writeFiles } from './workspace.ts';

const EMITTED = { noEmit: false, allowImportingTsExtensions: false, customConditions: [] };

async function runProblem(root: string, block: Block, path: string): Promise<string | undefined> {
  const { ok, stdout, output } = await run(process.execPath, [path], root, { limitMs: 60_000 });
  return ok ? printingProblem(block, stdout) : `fails: ${output}`;
}

export async function checkExamples(root: string): Promise<CheckResult> {
  const blocks = findBlocks(root);
  await packAll(root);
  const folder = `${WORK}/examples`;
  rmSync(join(root, folder), { recursive: true, force: true });
  const files = blocks.map((block, i) => ({ block, path: `${folder}/example-${i + 1}.ts` }));
  writeFiles(
    root,
    Object.fromEntries(files.map(({ block, path }) => [path, `${block.code}\nexport {};\n`])),
  );
  const paths = files.map(({ path }) => path);
  const diagnostics = await compileFiles(root, folder, paths, EMITTED);
  const problems: Problem[] = diagnostics.map((diagnostic) => {
    const of = files.find(({ path }) => path === diagnostic.file)?.block;
    if (of === undefined) return diagnostic;
    return { ...diagnostic, file: of.file, line: of.line + diagnostic.line };
  });
  const waiting = files.filter(({ block }) => isRun(block));
  const total = waiting.length;
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { block, path } = next;
      const problem = await runProblem(root, block, join(root, path.replace(/\.ts$/, '.js')));
      const { file, line } = block;
      if (problem !== undefined) problems.push({ file, line, message: `the example ${problem}` });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { problems, summary: `${blocks.length} examples compile, ${total} run` };
}
