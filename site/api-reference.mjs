// Writes the API reference as Markdown: `node api-reference.mjs OUT ENTRY=NAME…`, paths from the root.
// TypeDoc needs TypeScript 6, which only this folder has.
import { fileURLToPath } from 'node:url';
import { Application, Converter, ReflectionKind } from 'typedoc';

const root = fileURLToPath(new URL('..', import.meta.url));
const [out, ...pairs] = process.argv.slice(2);
const names = new Map(pairs.map((pair) => pair.split('=')));
process.chdir(root);

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
  hideBreadcrumbs: true,
  hidePageHeader: true,
  hidePageTitle: false,
  useCodeBlocks: false,
  expandObjects: false,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  sanitizeComments: true,
  excludeScopesInPaths: false,
});
app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
  if (!reflection.kindOf(ReflectionKind.Module)) return;
  const file = reflection.sources?.[0]?.fullFileName ?? '';
  for (const [entry, name] of names) if (file.endsWith(`/${entry}`)) reflection.name = name;
});
const project = await app.convert();
if (project === undefined) throw new Error('TypeDoc could not read the packages');
await app.outputs?.writeOutput?.({ name: 'markdown', path: out }, project);
if (app.logger.hasErrors()) process.exitCode = 1;
