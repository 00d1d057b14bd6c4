// Puts the site's pages together in site/.pages: the repository's Markdown with its links rewritten, a page for
// each handler, the API reference, and the lists that the theme reads.
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../program.ts';
import { allEntries, readManifest, writeFiles } from '../workspace.ts';
import { homeBars } from './bars.ts';
import { readContents, unreached } from './contents.ts';
import { figuresTable } from './figures.ts';
import { HANDLERS, handlerPages } from './handler-pages.ts';
import { Links } from './links.ts';
import type { DescribedSet } from './option-sets.ts';
import { findPages, type Page } from './pages.ts';
import { inlinePlots } from './plots.ts';

const SITE = 'https://headrace.github.io/headrace/';
const EDIT = 'https://github.com/headrace/headrace/edit/main/';

export interface Assembled {
  readonly pages: readonly Page[];
  readonly problems: readonly string[];
}

interface ApiName {
  readonly name: string;
  /** `/api/@headrace/core/group#channelgroup` */
  readonly link: string;
}

interface Api {
  readonly entries: ReadonlyArray<{ readonly text: string; readonly link: string }>;
  readonly names: readonly ApiName[];
  /** Names without a sentence. */
  readonly silent: readonly string[];
}

async function writeApi(root: string, folder: string): Promise<Api> {
  const pairs = allEntries(root).map(({ source, name }) => `${source}=${name}`);
  const program = join(root, 'site', 'api-reference.mjs');
  await must(process.execPath, [program, folder, ...pairs], join(root, 'site'));
  const list = join(folder, 'names.json');
  const api = JSON.parse(readFileSync(list, 'utf8')) as Api;
  rmSync(list);
  return api;
}

/** The address of a name in the API reference, the one of a given package first. */
function apiPages(names: readonly ApiName[]): (name: string, of: string) => string | undefined {
  const found = new Map<string, string[]>();
  for (const { name, link } of names) found.set(name, [...(found.get(name) ?? []), link]);
  return (name, of) => {
    const routes = found.get(name) ?? [];
    return routes.find((route) => route.startsWith(`/api/@headrace/${of}/`)) ?? routes[0];
  };
}

function write(folder: string, route: string, text: string): void {
  const name = route === '' || route.endsWith('/') ? `${route}index` : route;
  writeFiles(folder, { [`${name}.md`]: text });
}

function frontMatter(values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return ['---', ...lines, '---', '', ''].join('\n');
}

/** The home page is site/home.md, with the bars of what was measured. */
function home(root: string, links: Links): string {
  const source = 'site/home.md';
  const text = links.rewrite(source, readFileSync(join(root, source), 'utf8'));
  return text.replace('<!-- bars -->', homeBars(root));
}

export async function assemble(root: string, sets: readonly DescribedSet[]): Promise<Assembled> {
  const folder = join(root, 'site', '.pages');
  const apiFolder = join(folder, 'api');
  rmSync(folder, { recursive: true, force: true });
  const api = await writeApi(root, apiFolder);
  const pages = findPages(root);
  const links = new Links(root, pages, SITE);
  const problems = [
    ...unreached(root),
    ...api.silent.map((name) => `${name} has no sentence in its comment`),
  ];
  const isDark = { number: 0 };
  let contents: ReturnType<typeof readContents> = [];
  for (const { source, route } of pages) {
    let text = links.rewrite(source, readFileSync(join(root, source), 'utf8'));
    if (source === 'README.md') text = home(root, links);
    if (source === 'docs/README.md') contents = readContents(text);
    if (source === 'docs/performance.md') text += figuresTable(root);
    text = inlinePlots(root, text, isDark);
    const edit = source === 'README.md' ? 'site/home.md' : source;
    write(
      folder,
      route,
      text.startsWith('---\n') ? text : frontMatter({ edit: EDIT + edit }) + text,
    );
  }
  const ofHandlers = handlerPages(root, apiPages(api.names), sets);
  for (const page of ofHandlers) write(folder, page.route, page.text);
  for (const asset of links.assets) cpSync(join(root, asset), join(folder, 'public', asset));
  for (const name of readdirSync(join(root, 'site', 'pages'))) {
    const source = `site/pages/${name}`;
    const text = links.rewrite(source, readFileSync(join(root, source), 'utf8'));
    write(folder, name.replace(/\.md$/, ''), frontMatter({ edit: EDIT + source }) + text);
  }
  for (const name of ['logo.svg', 'card.png', 'fonts']) {
    cpSync(join(root, 'site', name), join(folder, 'public', name), { recursive: true });
  }
  const listed = (names: readonly string[], link: (name: string) => string) =>
    names.map((text) => ({ text, link: link(text) }));
  const handlers = ofHandlers.map(({ route }) => route.slice(HANDLERS.length)).filter(Boolean);
  const lists = {
    version: readManifest(root).version,
    contents,
    entries: api.entries,
    handlers: listed(handlers.sort(), (name) => `/${HANDLERS}${name}`),
  };
  writeFiles(folder, { 'lists.json': lists });
  return { pages, problems: [...problems, ...links.problems] };
}
