// Files named *.fail.ts must not compile. Their first lines name the expected message:
// `// expect: <part of the compiler's message>`; every error must be expected, every expected one come.
// Vitest's typecheck takes any error for the expected one: it compares no texts.
// If lines end with `// here`, errors may stand in these lines only.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn } from './source-file.ts';
import { compileFiles, type Diagnostic } from './tools.ts';

const EXPECT = /^\/\/ expect: (.+)$/;
const HERE = /\/\/ here$/;

interface Expectations {
  readonly texts: string[];
  /** The lines in which errors may stand; none for any. */
  readonly places: number[];
}

function expectations(root: string, file: string): Expectations {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  const texts: string[] = [];
  for (const line of lines) {
    const text = EXPECT.exec(line)?.[1];
    if (text === undefined) break;
    texts.push(text.trim());
  }
  const places = lines.flatMap((line, index) => (HERE.test(line) ? [index + 1] : []));
  return { texts, places };
}

/** A parameter of the types of bytes since TypeScript 5.7. */
const KIND_OF_MEMORY = /<ArrayBuffer(?:Like)?>/g;

function says(message: string, expected: string): boolean {
  return message.replaceAll(KIND_OF_MEMORY, '').includes(expected.replaceAll(KIND_OF_MEMORY, ''));
}

function checkFile(
  file: string,
  { texts: expected, places }: Expectations,
  errors: readonly Diagnostic[],
): Problem[] {
  if (expected.length === 0) {
    return [{ file, line: 1, message: 'must begin with "// expect: <part of the message>"' }];
  }
  if (errors.length === 0) return [{ file, message: `compiles, but must not: ${expected[0]}` }];
  const missing = expected
    .filter((text) => !errors.some(({ message }) => says(message, text)))
    .map((text) => ({ file, line: 1, message: `no error says "${text}"` }));
  const surprising = errors
    .filter(({ message }) => !expected.some((text) => says(message, text)))
    .map(({ line, message }) => ({ file, line, message: `unexpected error: ${message}` }));
  const misplaced = errors
    .filter(({ line }) => places.length > 0 && !places.includes(line))
    .map(({ line }) => ({ file, line, message: `the error stands here, not at line ${places}` }));
  return [...missing, ...surprising, ...misplaced];
}

/** The files that must not compile, in packages and examples. */
export function typeFailsOf(root: string): string[] {
  return [...foldersIn(root, 'packages'), ...foldersIn(root, 'examples')].flatMap((folder) =>
    filesBelow(root, `${folder}/test`, ['.fail.ts']),
  );
}

/** What is wrong with the errors of a compiler for these files. */
export function judgeTypeFails(
  root: string,
  files: readonly string[],
  diagnostics: readonly Diagnostic[],
): Problem[] {
  const problems = files.flatMap((file) =>
    checkFile(
      file,
      expectations(root, file),
      diagnostics.filter((diagnostic) => diagnostic.file === file),
    ),
  );
  for (const { file, line, message } of diagnostics) {
    if (!files.includes(file)) problems.push({ file, line, message });
  }
  return problems;
}

export async function checkTypeFails(root: string): Promise<CheckResult> {
  const files = typeFailsOf(root);
  if (files.length === 0) return { problems: [], summary: 'no *.fail.ts yet' };
  const diagnostics = await compileFiles(root, '.tmp/type-fails', files);
  const problems = judgeTypeFails(root, files, diagnostics);
  return { problems, summary: `${files.length} files fail to compile, each with its message` };
}
