import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { slug } from '../slug.mjs';

interface Link {
  readonly text: string;
  readonly link: string;
}
interface Lists {
  readonly contents: ReadonlyArray<{ readonly text: string; readonly items: readonly Link[] }>;
  readonly entries: readonly Link[];
  readonly handlers: readonly Link[];
}

const file = fileURLToPath(new URL('../.pages/lists.json', import.meta.url));
const lists: Lists = existsSync(file)
  ? JSON.parse(readFileSync(file, 'utf8'))
  : { contents: [], entries: [], handlers: [] };
const isLong = (text: string): boolean => !['Start', 'Concepts', 'Guides'].includes(text);
const main = lists.contents.map(({ text, items }) => ({
  text,
  collapsed: isLong(text),
  items: [...items],
}));

export default defineConfig({
  title: 'Headrace',
  description: 'Netty for Node.js, in TypeScript: pipelines of handlers for long-lived connections',
  lang: 'en',
  base: '/headrace/',
  srcDir: '.pages',
  outDir: 'dist',
  cleanUrls: true,
  sitemap: { hostname: 'https://headrace.github.io/headrace/' },
  metaChunk: true,
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: '/headrace/logo.svg' }],
    ['meta', { name: 'theme-color', content: '#1f6feb' }],
  ],
  markdown: {
    anchor: { slugify: slug },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    languageAlias: { bytes: 'text' },
    config(md) {
      const fence = md.renderer.rules.fence!;
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        const token = tokens[index]!;
        const isRun = /^ts run\b/.test(token.info.trim());
        const html = fence(tokens, index, options, env, self);
        if (!isRun) return html;
        const code = Buffer.from(token.content, 'utf8').toString('base64');
        return `<RunSample code="${code}">${html}</RunSample>`;
      };
    },
  },
  themeConfig: {
    logo: '/logo.svg',
    outline: [2, 3],
    search: {
      provider: 'local',
      options: {
        // The API's pages are many: their headings and the names in their tables are enough to find them.
        _render(source, env, md) {
          const html = md.render(source, env);
          if (env.frontmatter?.search === false) return '';
          if (!env.relativePath.startsWith('api/')) return html;
          const found = html.match(/<h[1-6][\s\S]*?<\/h[1-6]>|<tr>\s*<td[\s\S]*?<\/td>/g) ?? [];
          return found
            .join('\n')
            .replace(/<tr>\s*<td/g, '<p')
            .replace(/<\/td>/g, '</p>');
        },
        miniSearch: {
          options: {
            // Names stay whole: readerIdleMs, HR_ERR_FRAME_TOO_LONG.
            tokenize: (text) => text.split(/[^\p{L}\p{N}_$]+/u).filter((word) => word !== ''),
          },
          searchOptions: { fuzzy: 0.1, prefix: true, boost: { title: 4, text: 2, titles: 1 } },
        },
      },
    },
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'Documentation', link: '/contents' },
      { text: 'Handlers', link: '/handlers/' },
      { text: 'API', link: '/api/' },
      { text: 'Errors', link: '/errors' },
      { text: 'A pipeline at work', link: '/live-pipeline' },
    ],
    sidebar: {
      '/': main,
      '/handlers/': [{ text: 'Handlers', link: '/handlers/', items: [...lists.handlers] }, ...main],
      '/api/': [{ text: 'API', link: '/api/', items: [...lists.entries] }, ...main],
    },
    socialLinks: [{ icon: 'github', link: 'https://github.com/headrace/headrace' }],
    editLink: {
      pattern: ({ frontmatter }) => frontmatter['edit'] ?? 'https://github.com/headrace/headrace',
      text: 'Change this page',
    },
    footer: { message: 'Apache-2.0' },
  },
});
