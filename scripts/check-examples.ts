// Code in the documentation runs. A block that begins with "```ts run", in a *.md file or in a JSDoc
// comment of packages/*/src, is type-checked and executed: it must end by itself with exit code 0.
// Comments "// prints <line>" are what it must print on standard output, in their order.
// A block that begins with "```ts check" is type-checked only.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CheckResult, Problem } from './problem.ts';
import { type Block, findBlocks, printsOf } from './sample-blocks.ts';
import { compile } from './tools.ts';

const TIMEOUT_MS = 60_000;

function execute(root: string, file: string): Promise<{ output: string; failure?: string }> {
  const { promise, resolve } = defer<{ output: string; failure?: string }>();
  const register = pathToFileURL(join(root, 'scripts', 'register.mjs')).href;
  const child = spawn(
    process.execPath,
    ['--conditions=@headrace/source', '--import', register, file],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS },
  );
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.on('close', (code, signal) => {
    if (code === 0) resolve({ output });
    else if (signal !== null) resolve({ output, failure: `does not end (${TIMEOUT_MS} ms)` });
    else resolve({ output, failure: `exit code ${code}: ${errors.trim()}` });
  });
  return promise;
}

function defer<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

async function runProblem(root: string, block: Block, path: string): Promise<Problem | undefined> {
  const { file, line } = block;
  const { output, failure } = await execute(root, path);
  if (failure !== undefined) return { file, line, message: `the example fails: ${failure}` };
  const expected = printsOf(block);
  if (expected.length === 0) return undefined;
  const printed = output
    .trim()
    .split('\n')
    .map((text) => text.trim());
  if (printed.join('\n') === expected.join('\n')) return undefined;
  const message = `the example prints ${JSON.stringify(printed)}, not ${JSON.stringify(expected)}`;
  return { file, line, message };
}

export async function checkExamples(root: string): Promise<CheckResult> {
  const blocks = findBlocks(root);
  if (blocks.length === 0) return { problems: [], summary: 'no examples' };
  // Below scripts/, because that package may import all of ours.
  const folder = join(root, 'scripts', '.tmp', 'examples');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const names = blocks.map((_, index) => `example-${index + 1}.ts`);
  blocks.forEach(({ code }, index) => {
    writeFileSync(join(folder, names[index] ?? ''), `${code}\nexport {};\n`);
  });
  const tsconfig = {
    extends: '../../../tsconfig.test.json',
    compilerOptions: { composite: false, declaration: false },
    files: names,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  const problems: Problem[] = compile(root, join(folder, 'tsconfig.json')).map((diagnostic) => {
    const index = names.findIndex((name) => diagnostic.file.endsWith(`/examples/${name}`));
    const block = blocks[index];
    if (block === undefined) return diagnostic;
    return { ...diagnostic, file: block.file, line: block.line + diagnostic.line };
  });
  const waiting = [...blocks.entries()].filter(([, { isRun }]) => isRun);
  const total = waiting.length;
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, block] = next;
      const problem = await runProblem(root, block, join(folder, names[index] ?? ''));
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { problems, summary: `${blocks.length} examples compile, ${total} run` };
}
