// `pack.ts OUT SAMPLES MODULES` writes the declarations that samples may reach, compressed: of our packages, which are
// in the folder MODULES with what they depend on, of Node and of the language. SAMPLES is a file with the code of all
// samples; none has a mistake.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { LIB, languageService, SAMPLE } from './compiler.ts';

interface Sample {
  readonly where: string;
  readonly code: string;
}

const [out, samplesFile, modules] = process.argv.slice(2);
if (out === undefined || samplesFile === undefined || modules === undefined)
  throw new Error('usage: pack.ts OUT SAMPLES MODULES');
const samples = JSON.parse(readFileSync(samplesFile, 'utf8')) as Sample[];
const files = new Map([['/package.json', '{"type":"module"}']]);

/** What resolution reads of a manifest. */
function manifestIn(folder: string): { name: string; text: string } {
  const { name, type, exports, types, version } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  return { name, text: JSON.stringify({ name, version, type, types, exports }) };
}

function addPackage(folder: string): void {
  const { name, text } = manifestIn(folder);
  files.set(`/node_modules/${name}/package.json`, text);
  for (const path of readdirSync(folder, { recursive: true }) as string[]) {
    if (!path.endsWith('.d.ts') || path.includes('node_modules')) continue;
    files.set(`/node_modules/${name}/${path}`, readFileSync(join(folder, path), 'utf8'));
  }
}

for (const name of readdirSync(modules)) {
  const folder = join(modules, name);
  const inScope = name.startsWith('@') ? readdirSync(folder) : ['.'];
  for (const one of inScope) addPackage(join(folder, one));
}
const node = dirname(createRequire(import.meta.url).resolve('@types/node/package.json'));
addPackage(node);
addPackage(dirname(createRequire(join(node, 'index.d.ts')).resolve('undici-types/package.json')));
const lib = dirname(createRequire(import.meta.url).resolve('typescript'));
for (const name of readdirSync(lib)) {
  if (/^lib\..*\.d\.ts$/.test(name))
    files.set(`${LIB}/${name}`, readFileSync(join(lib, name), 'utf8'));
}

// What no sample imports, a reader may.
const importable = Object.keys(JSON.parse(readFileSync(join(out, 'modules.json'), 'utf8')));
const all = importable.map((name, i) => `import * as name${i} from '${name}';\nvoid name${i};`);
samples.push({ where: 'all modules', code: all.join('\n') });

const { service, write } = languageService(ts, files);
const reached = new Set<string>();
const problems: string[] = [];
for (const { where, code } of samples) {
  write(code);
  const program = service.getProgram()!;
  for (const { fileName } of program.getSourceFiles()) reached.add(fileName);
  const found = [
    ...service.getSyntacticDiagnostics(SAMPLE),
    ...service.getSemanticDiagnostics(SAMPLE),
  ];
  for (const { messageText } of found)
    problems.push(`${where}: in the editor, ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
}
reached.delete(SAMPLE);
const isKept = (path: string): boolean =>
  reached.has(path) ||
  (path.endsWith('/package.json') && [...reached].some((one) => one.startsWith(dirname(path))));
const kept = [...files].filter(([path]) => isKept(path));
writeFileSync(
  join(out, 'declarations.packed'),
  gzipSync(JSON.stringify(Object.fromEntries(kept)), { level: 9 }),
);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
