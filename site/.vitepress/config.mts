import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Beasties from 'beasties';
import { type DefaultTheme, defineConfig, type HeadConfig } from 'vitepress';
import { withClasses } from '../code-colors.mjs';
import { descriptionOf } from '../description.mjs';
import { MINI_SEARCH, sectionsOf } from '../search.mjs';
import { readableSearchBox } from '../search-box.mjs';
import { withoutEval, withPolicy } from '../security-policy.mjs';
import { slug } from '../slug.mjs';

interface Link {
  readonly text: string;
  readonly link: string;
}
interface Entry extends Link {
  readonly parts: readonly Link[];
}
interface Lists {
  readonly version: string;
  readonly contents: ReadonlyArray<{ readonly text: string; readonly items: readonly Link[] }>;
  readonly entries: readonly Entry[];
  readonly handlers: readonly Link[];
}

/** `npm run site -- --base PATH` sets it. */
const BASE = process.env['SITE_BASE'] ?? '/headrace/';
const SITE = 'https://headrace.github.io/headrace/';
const pages = fileURLToPath(new URL('../.pages/', import.meta.url));
const lists: Lists = existsSync(`${pages}lists.json`)
  ? JSON.parse(readFileSync(`${pages}lists.json`, 'utf8'))
  : { version: '', contents: [], entries: [], handlers: [] };

const STYLE = /<link rel="preload stylesheet" (href="[^"]*\/assets\/[^"]+\.css") as="style">/;
/** VitePress writes this file after the pages. */
const ICONS = /<link rel="preload stylesheet" href="[^"]*\/vp-icons\.css" as="style">/;
const styles = readFileSync(new URL('theme/style.css', import.meta.url), 'utf8');
/** The folder below site/ for what is built. */
const DIST = process.env['SITE_DIST'] ?? 'dist';
const dist = fileURLToPath(new URL(`../${DIST}/`, import.meta.url));

/** Rules that the page uses and Beasties does not find: `.dark` is set by a script, icons are chosen by `[class^=vpi-]`. */
const ALSO_USED = [/\.dark\b/, /\[class.=/];

/** The first screen is drawn when its HTML is there: it contains the styles that it uses, and the other styles follow at its end. */
async function drawnAtOnce(html: string): Promise<string> {
  const beasties = new Beasties({
    path: dist,
    publicPath: BASE,
    preload: 'body',
    pruneSource: false,
    reduceInlineStyles: false,
    fonts: false,
    allowRules: ALSO_USED,
    logLevel: 'warn',
  });
  const icons = ICONS.exec(html)?.[0] ?? '';
  const withStyles = html.replace(icons, '').replace(STYLE, '<link rel="stylesheet" $1>');
  const drawn = await beasties.process(withStyles);
  return drawn.replace('</body>', `${icons.replace('preload ', '')}</body>`);
}

type Groups = DefaultTheme.SidebarItem[];
const FOR_AUTHORS = 'In the repository';
const APART = ['Packages', 'Examples', FOR_AUTHORS];
const isLong = (text: string): boolean =>
  !['Tutorial', 'Start', 'Concepts', 'Guides'].includes(text);
const groups = (isWanted: (text: string) => boolean): Groups =>
  lists.contents
    .filter(({ text }) => isWanted(text))
    .map(({ text, items }) => ({ text, collapsed: isLong(text), items: [...items] }));
// Every page holds its sidebar: one for all would be three quarters of the site.
const main = [
  ...groups((text) => !APART.includes(text)),
  {
    items: APART.slice(0, 2).map((text) => ({ text, link: `/contents#${text.toLowerCase()}` })),
  },
];
const opened = (text: string): Groups =>
  groups((one) => one === text).map((group) => ({ ...group, collapsed: false }));
const internals = [
  ...opened(FOR_AUTHORS),
  { items: [{ text: 'Documentation', link: '/contents' }] },
];

/** `@headrace/core` of `@headrace/core/testing`. */
const packageOf = (entry: string): string =>
  entry.split('/', entry.startsWith('@') ? 2 : 1).join('/');
const ofPackage = (name: string): Groups => [
  { text: 'API', link: '/api/' },
  ...lists.entries
    .filter(({ text }) => packageOf(text) === name)
    // Of an entry below a package what its name adds: `/testing`.
    .map(({ text, link, parts }) => ({
      text: text === name ? text : text.slice(name.length),
      link,
      items: [...parts],
    })),
];
const apiSidebars = Object.fromEntries(
  [...new Set(lists.entries.map(({ text }) => packageOf(text)))].map((name) => [
    `/api/${name}`,
    ofPackage(name),
  ]),
);
const listOf = (entries: readonly Link[]): Groups =>
  entries.map(({ text, link }) => ({ text, link }));

export default defineConfig({
  title: 'Headrace',
  description: 'Netty for Node.js, in TypeScript: pipelines of handlers for long-lived connections',
  lang: 'en',
  base: BASE,
  srcDir: '.pages',
  outDir: DIST,
  cleanUrls: true,
  sitemap: { hostname: SITE },
  metaChunk: true,
  transformPageData: (page) => {
    const text = readFileSync(pages + page.filePath, 'utf8');
    return { description: descriptionOf(text) || page.description };
  },
  transformHead: ({ pageData, title, description }): HeadConfig[] => {
    const path = pageData.relativePath.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '');
    const values = {
      'og:type': 'website',
      'og:site_name': 'Headrace',
      'og:title': title,
      'og:description': description,
      'og:url': SITE + path,
      'og:image': `${SITE}card.png`,
      'og:image:width': '1200',
      'og:image:height': '630',
      'og:image:alt': 'Headrace: Netty for Node.js, with pipelines that the compiler checks',
    };
    const tags = Object.entries(values).map(
      ([property, content]): HeadConfig => ['meta', { property, content }],
    );
    return [...tags, ['meta', { name: 'twitter:card', content: 'summary_large_image' }]];
  },
  transformHtml: async (html, _file, { page }) =>
    withPolicy(page === 'index.md' ? await drawnAtOnce(html) : html),
  buildEnd: () => {
    const chunks = `${dist}assets/chunks/`;
    for (const name of readdirSync(chunks).filter((one) => one.startsWith('metadata.'))) {
      writeFileSync(chunks + name, withoutEval(readFileSync(chunks + name, 'utf8')));
    }
  },
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: `${BASE}logo.svg` }],
    ['meta', { name: 'theme-color', content: '#0b6b76' }],
  ],
  vite: { plugins: [readableSearchBox()] },
  markdown: {
    anchor: { slugify: slug },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    languageAlias: { bytes: 'text' },
    config(md) {
      const cell = { end: '' };
      // A column without a name has a cell at its head, and no heading that says nothing.
      md.renderer.rules['th_open'] = (tokens, index, options, _env, self) => {
        const isEmpty = tokens[index + 1]?.content === '';
        cell.end = isEmpty ? '</td>' : '</th>';
        const html = self.renderToken(tokens, index, options);
        return isEmpty ? html.replace('<th', '<td') : html;
      };
      md.renderer.rules['th_close'] = () => `${cell.end}\n`;
      const fence = md.renderer.rules.fence!;
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        const token = tokens[index]!;
        const isRun = /^ts run\b/.test(token.info.trim());
        const html = withClasses(fence(tokens, index, options, env, self), styles);
        if (!isRun) return html;
        return `<div class="sample">${html}</div>`;
      };
    },
  },
  themeConfig: {
    logo: '/logo.svg',
    outline: [2, 3],
    search: {
      provider: 'local',
      options: {
        // The index is made of the Markdown, by code that the check of the search shares.
        _render: (source, { relativePath }) => `${relativePath}\n${source}`,
        miniSearch: {
          ...MINI_SEARCH,
          _splitIntoSections: (_path, text) => {
            const end = text.indexOf('\n');
            return sectionsOf(text.slice(0, end), text.slice(end + 1));
          },
        },
      },
    },
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'Documentation', link: '/contents' },
      { text: 'Handlers', link: '/handlers/' },
      { text: 'API', link: '/api/' },
      { text: 'Errors', link: '/errors' },
      { text: 'Playground', link: '/playground' },
      {
        text: lists.version,
        items: [
          { text: 'Changelog', link: '/changelog' },
          { text: 'Security', link: '/security' },
          {
            text: FOR_AUTHORS,
            items: [
              { text: 'Architecture', link: '/architecture' },
              { text: 'Contributing', link: '/contributing' },
              {
                text: 'Decisions',
                link: 'https://github.com/headrace/headrace/blob/main/docs/decisions/README.md',
              },
            ],
          },
        ],
      },
    ],
    sidebar: {
      '/': main,
      '/packages/': [...opened('Packages'), ...main.slice(-1)],
      '/examples/': [...opened('Examples'), ...main.slice(-1)],
      '/handlers/': [{ text: 'Handlers', link: '/handlers/', items: [...lists.handlers] }],
      '/api/': [{ text: 'API', link: '/api/', items: listOf(lists.entries) }],
      ...apiSidebars,
      '/architecture': internals,
      '/contributing': internals,
    },
    socialLinks: [{ icon: 'github', link: 'https://github.com/headrace/headrace' }],
    editLink: {
      pattern: ({ frontmatter }) => frontmatter['edit'] ?? 'https://github.com/headrace/headrace',
      text: 'Change this page',
    },
    footer: { message: 'Apache-2.0' },
  },
});
