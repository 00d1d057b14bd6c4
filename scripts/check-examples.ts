// Code in the documentation runs. A block that begins with "```ts run", in a *.md file or in a JSDoc
// comment of packages/*/src, is type-checked and executed: it must end by itself with exit code 0.
// Comments "// prints <line>" are what it must print on standard output, in their order.
// A block that begins with "```ts check" is type-checked only.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { run } from './program.ts';
import { type Block, findBlocks, isRun, printingProblem } from './sample-blocks.ts';
import { compile } from './tools.ts';

async function runProblem(root: string, block: Block, path: string): Promise<string | undefined> {
  const args = ['--conditions=@headrace/source', '--import', './scripts/register.mjs', path];
  const { ok, stdout, output } = await run(process.execPath, args, root, { limitMs: 60_000 });
  return ok ? printingProblem(block, stdout) : `fails: ${output}`;
}

export async function checkExamples(root: string): Promise<CheckResult> {
  const blocks = findBlocks(root);
  // Below scripts/, because that package may import all of ours.
  const folder = join(root, 'scripts', '.tmp', 'examples');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = blocks.map((block, index) => ({ block, name: `example-${index + 1}.ts` }));
  for (const { block, name } of files) {
    writeFileSync(join(folder, name), `${block.code}\nexport {};\n`);
  }
  const tsconfig = {
    extends: '../../../tsconfig.test.json',
    compilerOptions: { composite: false, declaration: false },
    files: files.map(({ name }) => name),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  const diagnostics = await compile(root, join(folder, 'tsconfig.json'));
  const problems: Problem[] = diagnostics.map((diagnostic) => {
    const of = files.find(({ name }) => diagnostic.file.endsWith(`/examples/${name}`))?.block;
    if (of === undefined) return diagnostic;
    return { ...diagnostic, file: of.file, line: of.line + diagnostic.line };
  });
  const waiting = files.filter(({ block }) => isRun(block));
  const total = waiting.length;
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { block, name } = next;
      const problem = await runProblem(root, block, join(folder, name));
      const { file, line } = block;
      if (problem !== undefined) problems.push({ file, line, message: `the example ${problem}` });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { problems, summary: `${blocks.length} examples compile, ${total} run` };
}
