// The compiler declares all of every module. Who installs a package sees what its entries export, and what these
// declarations name: that stays, in the file where it was, so that two entries have the same types.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAst } from 'rolldown/parseAst';

/** In the place of a name: all that a file exports. */
const ALL = '*';

function* nodesIn(tree) {
  if (tree === null || typeof tree !== 'object') return;
  if (typeof tree.type === 'string') yield tree;
  for (const [key, child] of Object.entries(tree)) {
    const isMemberName = key === 'key' && tree.computed === false;
    if (!isMemberName) yield* nodesIn(child);
  }
}

function* identifiersIn(tree) {
  for (const node of nodesIn(tree)) if (node.type === 'Identifier') yield node.name;
}

/** The declarations that an import names; none for one of another package. */
function declarationsAt({ value }, importer) {
  return value.startsWith('.')
    ? join(dirname(importer), value.replace(/\.[jt]s$/, '.d.ts'))
    : undefined;
}

/** A part that is one name of a list of imports or exports. */
function listedPart(file, { start, end, type, local, imported, exported }, source) {
  const isExported = type === 'ExportSpecifier';
  const [name, origin] = isExported ? [exported, local] : [local, imported];
  const from = source ? declarationsAt(source, file) : file;
  return { start, end, isExported, names: [name.name], needs: [[from, origin?.name ?? ALL]] };
}

/** A part that is a whole statement. Without a name it declares for others: it stays if its file does. */
function wholePart(file, statement) {
  const { start, end, type, source, declaration } = statement;
  const { id, declarations = [{ id }] } = declaration ?? statement;
  const isModule = type === 'TSModuleDeclaration';
  const names = isModule
    ? []
    : declarations.flatMap((one) => [...identifiersIn(one.id)].slice(0, 1));
  const needs = [...identifiersIn(statement)].map((name) => [file, name]);
  for (const node of nodesIn(statement)) {
    if (node.type !== 'TSImportType') continue;
    needs.push([declarationsAt(node.source, file), [...identifiersIn(node.qualifier)][0] ?? ALL]);
  }
  if (source) needs.push([declarationsAt(source, file), ALL]);
  return { start, end, isExported: type.startsWith('Export'), names, needs };
}

/** A statement, its parts, and where the comments before it begin. */
function* statementsOf(file, text) {
  let before = 0;
  for (const node of parseAst(text, { lang: 'dts' }).body) {
    const { end, specifiers = [], source } = node;
    const listed = specifiers.map((one) => listedPart(file, one, source));
    yield { node, before, end, parts: listed.length > 0 ? listed : [wholePart(file, node)] };
    before = end;
  }
}

/** A private member says that its name is taken: nobody can use it, or its documentation. */
function* privateComments({ declaration, ...node }) {
  const { type, start, body } = (declaration ?? node).body ?? {};
  if (type !== 'ClassBody') return;
  let before = start + 1;
  for (const member of body) {
    if (member.accessibility === 'private') yield [before, member.start, '\n    '];
    before = member.end;
  }
}

/** What changes in a text: from where, to where, into what. */
function* changesOf({ node, before, end, parts }, kept, text) {
  const staying = parts.filter((part) => kept.has(part));
  if (staying.length === 0) yield [before, end, ''];
  else if (staying.length < parts.length) {
    const list = staying.map((part) => text.slice(part.start, part.end)).join(', ');
    yield [parts[0].start, parts.at(-1).end, list];
  } else yield* privateComments(node);
}

/** Reduces the declarations below `dist` to those that the files of its entries export, and what these need. */
export function keepReachedDeclarations(dist, entries) {
  const files = new Map();
  const kept = new Set();
  const waiting = entries.map((entry) => [entry, ALL]);
  const read = (file) => {
    const text = readFileSync(file, 'utf8');
    files.set(file, { text, statements: [...statementsOf(file, text)] });
  };
  for (const [file, name] of waiting) {
    if (file === undefined) continue;
    if (!files.has(file)) read(file);
    for (const part of files.get(file).statements.flatMap(({ parts }) => parts)) {
      const { names, isExported, needs } = part;
      const isNeeded = names.length === 0 || (name === ALL ? isExported : names.includes(name));
      if (!isNeeded || kept.has(part)) continue;
      kept.add(part);
      waiting.push(...needs);
    }
  }
  for (const path of readdirSync(dist, { recursive: true })) {
    const file = join(dist, path);
    if (!file.endsWith('.d.ts')) continue;
    if (!files.has(file)) rmSync(file);
    else writeFileSync(file, reduced(files.get(file), kept));
  }
}

function reduced({ text, statements }, kept) {
  const changes = statements.flatMap((statement) => [...changesOf(statement, kept, text)]);
  return changes
    .reduceRight((now, [start, end, into]) => now.slice(0, start) + into + now.slice(end), text)
    .trimStart();
}
