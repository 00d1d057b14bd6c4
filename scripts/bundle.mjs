// One file for each public entry of a package, and a few for what its entries share: Node loads these several times as
// fast as a file for each class. What the compiler wrote gives way to them; the declarations that the entries reach stay. Entries that run in
// a page have a second file in `dist/browser`.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { RolldownMagicString, rolldown } from 'rolldown';
import { parseAst } from 'rolldown/parseAst';
import { browserGlobals, forBrowsers } from './for-browsers.mjs';
import { keepReachedDeclarations } from './reached-declarations.mjs';

const COMPILED = /\.js$/;

/** The compiler's declarations have the documentation; what bundlers must know of a call stays. */
const comments = { jsdoc: false, annotation: true, legal: true };

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** The files that the manifest names: the entries, and what does something when it is loaded. */
function entriesOf(folder) {
  const { exports, publishConfig, bin = {}, sideEffects } = manifestOf(folder);
  const named = [
    ...Object.values(publishConfig?.exports ?? exports).map(
      (target) => target.node ?? target.default,
    ),
    ...Object.values(publishConfig?.bin ?? bin),
    ...(Array.isArray(sideEffects) ? sideEffects : []),
  ];
  const entries = {};
  for (const file of named) {
    const name = /^(?:\.\/)?dist\/(?!browser\/)(.+)\.js$/.exec(file ?? '')?.[1];
    if (name !== undefined) entries[name] = join(folder, 'dist', `${name}.js`);
  }
  return entries;
}

/** The declarations of the entries. */
function typesOf(folder) {
  return Object.values(manifestOf(folder).exports)
    .map(({ types }) => types)
    .filter((types) => types !== undefined)
    .map((types) => join(folder, types));
}

/** The entries that have a file for pages beside that for Node: `dist/browser/NAME.js`. */
function browserEntriesOf(folder) {
  const entries = {};
  for (const target of Object.values(manifestOf(folder).exports)) {
    const name = target.node && /^\.\/dist\/browser\/(.+)\.js$/.exec(target.default)?.[1];
    if (name) entries[`browser/${name}`] = join(folder, target.node);
  }
  return entries;
}

/** They do nothing when they are loaded, and a function has its name from the constant. */
const PLAIN = /^(?:Literal|Identifier|(?:Binary|Unary|ArrowFunction|Function|Class)Expression)$/;

/** A call that a bundler may leave out, around what is between two places. */
function pureCall({ start, end }) {
  return [
    [start, '/*@__PURE__*/ (() => ('],
    [end, '))()'],
  ];
}

/** A class with a static block, or with a name that is computed, does something when it is loaded. */
function pureClass({ id, body, start, end }) {
  if (!body.body.some(({ type, computed }) => type === 'StaticBlock' || computed)) return [];
  return [
    [start, `const ${id.name} = /*@__PURE__*/ (() => {\n`],
    [end, `\nreturn ${id.name};\n})();`],
  ];
}

function pureConstants(declarations = []) {
  const made = declarations
    .map(({ init }) => init)
    .filter((init) => init && !PLAIN.test(init.type));
  return made.flatMap(pureCall);
}

/**
 * Marks the parts that make a module's constants and classes: a program's bundler leaves out those that nobody uses, as
 * it leaves out whole files of a package without side effects.
 */
function withPureParts(code) {
  const marked = new RolldownMagicString(code);
  for (const statement of parseAst(code).body) {
    const declared = statement.declaration ?? statement;
    const isClass = declared.type === 'ClassDeclaration';
    const marks = isClass ? pureClass(declared) : pureConstants(declared.declarations);
    for (const [place, mark] of marks) marked.appendLeft(place, mark);
  }
  return marked.toString();
}

/** Not one of a library, or of the sources. */
const isCompiled = (id) => id.endsWith('.js') && !id.includes('/node_modules/');

const compiled = {
  name: 'compiled',
  load(id) {
    return isCompiled(id) ? readFileSync(id, 'utf8') : undefined;
  },
  transform(code, id) {
    return isCompiled(id) ? withPureParts(code) : undefined;
  },
};

/** Replaces the compiled modules of a package. */
export async function bundle(folder) {
  const dist = join(folder, 'dist');
  const output = await generated(dist, {
    input: entriesOf(folder),
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    platform: 'node',
    plugins: [compiled],
    output: { comments, chunkFileNames: 'shared-[hash].js' },
  });
  const input = browserEntriesOf(folder);
  if (Object.keys(input).length > 0) {
    const name = basename(folder);
    const forPages = await generated(dist, {
      input,
      platform: 'browser',
      plugins: [forBrowsers(name), compiled],
      transform: { inject: browserGlobals(name) },
      output: { comments, chunkFileNames: 'browser/shared-[hash].js' },
    });
    output.push(...forPages);
  }
  for (const file of readdirSync(dist, { recursive: true })) {
    if (COMPILED.test(file)) rmSync(join(dist, file));
  }
  keepReachedDeclarations(dist, typesOf(folder));
  for (const { fileName, code } of output) {
    mkdirSync(dirname(join(dist, fileName)), { recursive: true });
    writeFileSync(join(dist, fileName), code);
  }
}

async function generated(dir, { output: options, ...input }) {
  const build = await rolldown(input);
  const { output } = await build.generate({ dir, ...options });
  await build.close();
  return output;
}
