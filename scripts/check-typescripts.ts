// `npm run check:typescripts`: what users write compiles with each version of TypeScript that docs/versions.md promises, under plain
// `strict` and with the declarations of the built packages: the samples of the documentation, and the sources of the templates. The
// files that must not compile fail there with the same texts.
import { rmSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { judgeTypeFails, typeFailsOf } from './check-type-fails.ts';
import { ownModule } from './own-project.ts';
import { packAll, WORK } from './packed-packages.ts';
import type { Problem } from './problem.ts';
import { must, run } from './program.ts';
import { findBlocks } from './sample-blocks.ts';
import { filesBelow } from './source-file.ts';
import { Tally } from './tally.ts';
import { type Diagnostic, diagnosticsIn } from './tools.ts';
import { root, writeFiles } from './workspace.ts';

const VERSIONS = ['5.4', '5.9', '6'];
const TOOLS = 'scripts/typescripts';
const OPTIONS = {
  strict: true,
  noEmit: true,
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  moduleDetection: 'force',
  types: ['node'],
  experimentalDecorators: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
};
/** Their folders are put together in a project, and are one folder for the compiler here. */
const TEMPLATES = 'packages/create-headrace/templates';
const RIGHT = 'packages/core/test/types/right-pipelines.ts';

const tally = new Tally();
await packAll(root);
// The files that must not compile see the declarations in the folders of the packages.
await must('npm', ['run', '--silent', 'build'], root);
const samples = writeSamples();
// The page of a template has the types of a browser, which the samples do not have.
const templates = filesBelow(root, TEMPLATES, ['.ts']).filter((file) => file.includes('/src/'));
const right = [...samples.keys(), ...templates, RIGHT];
const fails = typeFailsOf(root);
for (const version of VERSIONS) {
  const tsc = await ownModule(root, TOOLS, `typescript-${version}/bin/tsc`);
  const words = `${samples.size} samples, ${templates.length} files of templates`;
  const compiled = await compile(version, tsc, 'right', right, {
    rootDirs: [...new Set(templates.map((file) => join(root, dirname(file))))],
  });
  tally.report(`TypeScript ${version}: samples compile`, compiled.map(inItsPage).map(text), words);
  const refused = await compile(version, tsc, 'fails', fails, {
    exactOptionalPropertyTypes: true,
  });
  const problems = judgeTypeFails(root, fails, refused);
  tally.report(
    `TypeScript ${version}: texts of errors`,
    problems.map(text),
    `${fails.length} files`,
  );
}
tally.end('typescripts');

/** Writes the samples where the packed packages are found. Returns the place of each. */
function writeSamples(): Map<string, { readonly file: string; readonly line: number }> {
  const folder = `${WORK}/typescripts`;
  rmSync(join(root, folder), { recursive: true, force: true });
  const blocks = findBlocks(root).map(
    (block, i) => [`${folder}/sample-${i + 1}.ts`, block] as const,
  );
  writeFiles(root, Object.fromEntries(blocks.map(([path, { code }]) => [path, `${code}\n`])));
  return new Map(blocks);
}

async function compile(
  version: string,
  tsc: string,
  name: string,
  files: readonly string[],
  options: object = {},
): Promise<Diagnostic[]> {
  const folder = `${WORK}/typescripts/${version}-${name}`;
  const project = `${folder}/tsconfig.json`;
  const listed = files.map((file) => posix.relative(folder, file));
  writeFiles(root, { [project]: { compilerOptions: { ...OPTIONS, ...options }, files: listed } });
  const args = [tsc, '-p', project, '--pretty', 'false'];
  const { ok, output } = await run(process.execPath, args, root);
  return ok ? [] : diagnosticsIn(output, project);
}

function inItsPage(diagnostic: Diagnostic): Problem {
  const block = samples.get(diagnostic.file);
  if (block === undefined) return diagnostic;
  return { ...diagnostic, file: block.file, line: block.line + diagnostic.line };
}

function text({ file, line, message }: Problem): string {
  return `${file}:${line ?? 1}: ${message}`;
}
