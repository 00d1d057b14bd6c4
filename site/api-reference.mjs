// Writes the API reference as Markdown: `node api-reference.mjs OUT ENTRY=NAME…`, paths from the root.
// TypeDoc needs TypeScript 6, which only this folder has.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Application, Converter, DeclarationReflection, ReflectionKind } from 'typedoc';
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';
import { withoutTags, withWholeCells } from './markdown.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [out, ...pairs] = process.argv.slice(2);
const names = new Map(pairs.map((pair) => pair.split('=')));
process.chdir(root);

/** A module with more names than this has a page for each folder of its sources that has at least some names. */
const NAMES_OF_A_PAGE = 24;
const NAMES_OF_A_PART = 4;

const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  entryPoints: [...names.keys()],
  tsconfig: `${root}/site/tsconfig.api.json`,
  skipErrorChecking: true,
  readme: 'none',
  name: 'API reference',
  excludePrivate: true,
  excludeProtected: false,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: false,
  disableGit: true,
  displayBasePath: root,
  sourceLinkTemplate: 'https://github.com/headrace/headrace/blob/main/{path}#L{line}',
  validation: { notExported: false, invalidLink: false, notDocumented: false },
  logLevel: 'Error',
  entryFileName: 'index',
  modulesFileName: 'modules',
  outputFileStrategy: 'modules',
  hideBreadcrumbs: true,
  hidePageHeader: true,
  hideGroupHeadings: true,
  useCodeBlocks: false,
  useCustomAnchors: true,
  expandObjects: false,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  // A name links to its source; a column of such links would double the reference.
  tableColumnSettings: {
    hideSources: true,
    hideModifiers: true,
    hideInherited: true,
    hideOverrides: true,
  },
  sanitizeComments: true,
  excludeScopesInPaths: false,
});

const sourceOf = (reflection) => reflection.sources?.[0]?.fullFileName ?? '';
/** `channel` of packages/core/src/channel/close-info.ts, `errors` of packages/core/src/errors.ts. */
const folderOf = (reflection) =>
  /\/packages\/[^/]+\/src\/([^/.]+)/.exec(sourceOf(reflection))?.[1] ?? '';
const isReference = (reflection) => reflection.kindOf(ReflectionKind.Reference);

app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
  if (!reflection.kindOf(ReflectionKind.Module)) return;
  for (const [entry, name] of names)
    if (sourceOf(reflection).endsWith(`/${entry}`)) reflection.name = name;
});

/** What a class has of its base class stands on the page of that class only. */
function removeInherited(project) {
  const kinds = ReflectionKind.Class | ReflectionKind.Interface;
  for (const owner of project.getReflectionsByKind(kinds)) {
    for (const member of [...(owner.children ?? [])]) {
      const isInherited =
        member.inheritedFrom !== undefined ||
        member.signatures?.every(({ inheritedFrom }) => inheritedFrom !== undefined) === true ||
        member.getSignature?.inheritedFrom !== undefined;
      if (isInherited && member.name !== 'constructor') project.removeReflection(member);
    }
  }
}

function splitByFolder(project) {
  const taken = new Set(names.values());
  for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
    const own = (module.children ?? []).filter((child) => !isReference(child));
    if (own.length <= NAMES_OF_A_PAGE) continue;
    const parts = new Map();
    for (const child of own) {
      if (child.kindOf(ReflectionKind.Namespace)) continue;
      parts.set(folderOf(child), [...(parts.get(folderOf(child)) ?? []), child]);
    }
    for (const [folder, children] of parts) {
      if (folder === '' || taken.has(`${module.name}/${folder}`) || parts.size === 1) continue;
      if (children.length < NAMES_OF_A_PART) continue;
      const part = new DeclarationReflection(folder, ReflectionKind.Module, module);
      project.registerReflection(part, undefined, undefined);
      module.addChild(part);
      for (const child of children) {
        module.removeChild(child);
        child.parent = part;
        part.addChild(child);
      }
    }
  }
}

// TypeDoc's own listeners resolve comments before, and make the groups after.
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => splitByFolder(project), -10_000);
app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => removeInherited(project), 10_000);

const KINDS = new Map([
  [ReflectionKind.Class, 'class'],
  [ReflectionKind.Interface, 'interface'],
  [ReflectionKind.Function, 'function'],
  [ReflectionKind.Variable, 'value'],
  [ReflectionKind.TypeAlias, 'type'],
  [ReflectionKind.Namespace, 'namespace'],
]);
const isModule = (reflection) => reflection.kindOf(ReflectionKind.Module);

/** The first sentence of a name's comment, as Markdown without links. */
function sentenceOf(reflection) {
  const comment = reflection.comment ?? reflection.signatures?.[0]?.comment;
  const text = (comment?.summary ?? [])
    .map((part) => (part.kind === 'inline-tag' ? `\`${part.text}\`` : part.text))
    .join('')
    .replace(/\n\n[\s\S]*/, '')
    .trim();
  const sentence = /^[\s\S]*?[.:](?=\s|$)/.exec(text)?.[0] ?? text;
  return withoutTags(sentence.replace(/\s+/g, ' ').replace(/:$/, '.'));
}

const routeOf = (url) => `/api/${url.replace(/(^|\/)index\.md/, '$1').replace(/\.md(?=#|$)/, '')}`;
const linkTo = (reflection) => routeOf(app.renderer.router.getFullUrl(reflection));
const ownNames = (module) =>
  (module.children ?? []).filter((child) => !isModule(child) && !isReference(child));
/** A module's name as it is imported; a part of one is below its module. */
const titleOf = (module) =>
  isModule(module.parent) ? `${module.parent.name}: ${module.name}` : module.name;

function line(reflection) {
  const sentence = sentenceOf(reflection);
  return `- [\`${reflection.name}\`](${linkTo(reflection)}) (${KINDS.get(reflection.kind)})${sentence && `: ${sentence}`}`;
}

/** What a module exports again: whole entries by their name, else the names. */
function referencesOf(module) {
  const targets = new Map();
  for (const child of module.children ?? []) {
    if (!isReference(child)) continue;
    const target = child.getTargetReflectionDeep();
    const owner = isModule(target.parent.parent) ? target.parent.parent : target.parent;
    targets.set(owner, [...(targets.get(owner) ?? []), target]);
  }
  return [...targets].map(([owner, found]) => {
    const all = [...ownNames(owner), ...(owner.children ?? []).filter(isModule).flatMap(ownNames)];
    const names = found.map((target) => `[\`${target.name}\`](${linkTo(target)})`);
    const shown = found.length === all.length ? 'all of its names.' : `${names.join(', ')}.`;
    return `- From [\`${owner.name}\`](${linkTo(owner)}): ${shown}`;
  });
}

const entries = [];
const listed = [];
const silent = [];

/** A page begins with a line for each of its names; what is exported again stands on its own page only. */
app.renderer.on(MarkdownPageEvent.END, (page) => {
  const module = page.model;
  if (!module.kindOf(ReflectionKind.Module | ReflectionKind.Namespace)) return;
  const [, before = '', rest = ''] =
    /^# .*\n([\s\S]*?)(?=^## |(?![\s\S]))([\s\S]*)$/m.exec(page.contents) ?? [];
  const parts = (module.children ?? []).filter(isModule);
  const names = ownNames(module);
  const references = referencesOf(module);
  if (isModule(module) && !isModule(module.parent)) {
    const shown = parts.map((part) => ({ text: part.name, link: linkTo(part) }));
    entries.push({ text: module.name, link: linkTo(module), parts: shown });
  }
  for (const name of isModule(module) ? names : []) {
    listed.push({ name: name.name, link: linkTo(name), entry: titleOf(module) });
    if (sentenceOf(name) === '') silent.push(`${titleOf(module)}: ${name.name}`);
  }
  const members = rest
    .replace(/^## Namespaces\n\n(?:- .*\n)+/m, '')
    .replace(/^## Modules\n\n(?:- .*\n)+/m, '')
    .replace(/^## .*\n\n(?:Renames and re-exports|Re-exports) .*\n(?:\n\*\*\*\n)?\n?/gm, '')
    .replace(/^#+ (?:Implementation of|Overrides|Inherited from)\n\n.*\n+/gm, '')
    // A heading has an anchor and a place in the outline: for names and their members only.
    .replace(/^#{3,} (?!.* \{#)(.+)$/gm, '**$1**')
    .replace(/^\*\*Constructors\*\*\n\n(?=\*\*Constructor\*\*$)/gm, '')
    .replace(/^(####+) /gm, (_, marks) => `${marks.slice(1)} `)
    .replace(/^Defined in: \[packages\/[^\]]*\/([^/\]]+)\]/gm, '[$1]');
  // A property of a literal type has no place of its own.
  const withLinks = members.replace(
    /\[((?:[^\][]|\[[^\]]*\])*)\]\(#([^)]+)\)/g,
    (link, text, anchor) =>
      members.includes(`{#${anchor}}`) || members.includes(`id="${anchor}"`) ? link : text,
  );
  page.contents = [
    `# ${titleOf(module)}`,
    before.trim(),
    ...(references.length > 0 ? ['It exports:', references.join('\n')] : []),
    names.map(line).join('\n'),
    ...parts.flatMap((part) => [
      `## [${part.name}](${linkTo(part)})`,
      ownNames(part).map(line).join('\n'),
    ]),
    withWholeCells(withLinks.trim()),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
});

const project = await app.convert();
if (project === undefined) throw new Error('TypeDoc could not read the packages');
await app.outputs?.writeOutput?.({ name: 'markdown', path: out }, project);
if (app.logger.hasErrors()) process.exitCode = 1;
writeFileSync(`${out}/names.json`, JSON.stringify({ entries, names: listed, silent }, null, 1));
