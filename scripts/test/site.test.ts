import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Result } from '../../benchmarks/harness/report.ts';
import { withClasses } from '../../site/code-colors.mjs';
import { descriptionOf } from '../../site/description.mjs';
import { withoutTags, withWholeCells } from '../../site/markdown.mjs';
import { sectionsOf } from '../../site/search.mjs';
import { wrongDefaults } from '../check-options.ts';
import { describeProblem } from '../problem.ts';
import { barsOf } from '../site/bars.ts';
import { baseOf } from '../site/base.ts';
import { checkBuiltLinks, missingErrorAnchors } from '../site/built-links.ts';
import { readContents, unreached } from '../site/contents.ts';
import { handlerPages } from '../site/handler-pages.ts';
import { Links } from '../site/links.ts';
import { type DescribedSet, describedSets } from '../site/option-sets.ts';
import { OptionTypes } from '../site/options.ts';
import { findPages } from '../site/pages.ts';
import { filesInPage } from '../site/run-samples.ts';
import { uncheckedSamples } from '../site/samples.ts';
import { filesBelow, readSource } from '../source-file.ts';
import { root } from '../workspace.ts';
import { manifest, tree } from './tree.ts';

const SITE = 'https://headrace.github.io/headrace/';
const GITHUB = 'https://github.com/headrace/headrace';

it('makes links between pages of links between files, and leads all others to GitHub', () => {
  const root = tree({
    'README.md': '# Home',
    'docs/README.md': '# Contents',
    'docs/errors.md': '# Errors',
    'docs/guides/tls.md': '# TLS',
    'packages/core/package.json': manifest('core'),
    'packages/core/README.md': '# core',
    'packages/core/src/a.ts': '',
  });
  const links = new Links(root, findPages(root), SITE);
  const rewrite = (link: string): string => links.rewrite('docs/guides/tls.md', `[a](${link})`);
  expect(rewrite('../errors.md#hr_err')).toBe('[a](/errors#hr_err)');
  expect(rewrite('../../packages/core/README.md')).toBe('[a](/packages/core)');
  expect(rewrite(`${GITHUB}/tree/main/packages/core#readme`)).toBe('[a](/packages/core)');
  expect(rewrite(`${SITE}handlers/`)).toBe('[a](/handlers/)');
  expect(rewrite('../../packages/core/src/a.ts')).toBe(
    `[a](${GITHUB}/blob/main/packages/core/src/a.ts)`,
  );
  expect(rewrite('../../packages/core/src')).toBe(`[a](${GITHUB}/tree/main/packages/core/src)`);
  expect(rewrite('https://nodejs.org/')).toBe('[a](https://nodejs.org/)');
  expect(links.rewrite('docs/errors.md', '`[a](guides/tls.md)`')).toBe('`[a](guides/tls.md)`');
  expect(links.rewrite('docs/errors.md', '`a\nb` [a](guides/tls.md) `c`')).toBe(
    '`a\nb` [a](/guides/tls) `c`',
  );
  expect(links.rewrite('docs/errors.md', '` ```ts `\n[a](guides/tls.md) `c`')).toBe(
    '` ```ts `\n[a](/guides/tls) `c`',
  );
  expect(links.problems).toEqual([]);
  expect(rewrite('nowhere.md')).toBe('[a](nowhere.md)');
  expect(links.problems).toEqual(['docs/guides/tls.md: link "nowhere.md" is dead']);
});

it('reads the sidebar from headings and lists, and finds a page that no list reaches', () => {
  const text =
    '# Docs\n\n## Guides\n\n- [The `tls`](/guides/tls): how, see [x](/x)\n- More: [a](/a),\n  [b](/b)\n\n[c](/c)\n\n## Empty\n\n- [out](https://x.org)\n';
  expect(readContents(text)).toEqual([
    {
      text: 'Guides',
      items: [
        { text: 'The tls', link: '/guides/tls' },
        { text: 'a', link: '/a' },
        { text: 'b', link: '/b' },
      ],
    },
  ]);
  const root = tree({
    'docs/README.md': '- [TLS](guides/tls.md)\n- [why](decisions/README.md)',
    'docs/guides/tls.md': '# TLS',
    'docs/guides/lost.md': '# Lost',
    'docs/decisions/README.md': '[one](0001.md)',
    'docs/decisions/0001.md': '# One',
  });
  expect(unreached(root)).toEqual(['docs/guides/lost.md is in no list: add it to docs/README.md']);
});

it('leaves decisions and internals in the repository, and links to them there', () => {
  const root = tree({
    'docs/errors.md': '# Errors',
    'docs/decisions/README.md': '# Decisions',
    'docs/internals/states.md': '# States',
  });
  const pages = findPages(root);
  expect(pages.map(({ source }) => source)).toEqual(['docs/errors.md']);
  const links = new Links(root, pages, SITE);
  expect(links.rewrite('docs/errors.md', '[a](decisions/README.md#decision-0033)')).toBe(
    `[a](${GITHUB}/blob/main/docs/decisions/README.md#decision-0033)`,
  );
});

it('makes a page of a card, with its options and inherited ones', () => {
  const root = tree({
    'packages/core/package.json': manifest('core'),
    'packages/core/src/index.ts': "export { EchoHandler } from './echo.ts';",
    'packages/core/src/echo.ts': [
      'interface Base { /** Longest. @default 7 */ readonly maxLength?: number }',
      'export interface EchoOptions extends Base { /** Its name | words of a {@link Peer}. */ readonly name: string }',
      '/**',
      ' * Echoes. See {@link EchoHandler}, {@link Other}.',
      ' *',
      ' * **Place** last,',
      ' * after {@link Other}; `HR_ERR_A`.',
      ' *',
      ' * @example',
      ' * ```ts run',
      ' * console.log(1);',
      ' * ```',
      " * @see Netty's echo",
      ' */',
      'export class EchoHandler { constructor(options: EchoOptions) { void options; } }',
    ].join('\n'),
  });
  const file = 'packages/core/src/echo.ts';
  const kinds = { maxLength: { allowed: 'a whole number', standard: '8' } };
  const sets = [{ file, owner: 'Base', kinds }];
  const [index, page] = handlerPages(
    root,
    (name, of) => (name === 'Missing' ? undefined : `/api/@headrace/${of}/${name}`),
    sets,
  );
  expect(index?.text).toContain('- [EchoHandler](/handlers/EchoHandler): Echoes.');
  expect(page?.route).toBe('handlers/EchoHandler');
  expect(page?.text).toContain('[`EchoHandler`](/handlers/EchoHandler)');
  expect(page?.text).toContain(
    '- **Place** last,\n  after [`Other`](/api/@headrace/core/Other); [`HR_ERR_A`](/errors#hr_err_a).',
  );
  expect(page?.text).toContain(
    '| `name`<span class="option-type" v-pre>string</span> | required |  | Its name \\| words of a [`Peer`](/api/@headrace/core/Peer). |',
  );
  expect(page?.text).toContain('| <code v-pre>8</code> | a whole number | Longest. |');
  expect(wrongDefaults(new OptionTypes([readSource(root, file)], sets)).problems).toEqual([
    { file, line: 1, message: 'Base.maxLength: @default 7, but its description has 8' },
  ]);
  expect(page?.text).toContain('```ts run\nconsole.log(1);\n```');
  expect(page?.text).toContain("See also Netty's echo.");
});

it('keeps types in the code of comments as they are written, and in one cell', () => {
  expect(withoutTags('a Promise<void>, as `Promise<A<B>>` and `{{ it }}` {{ that }}')).toBe(
    'a Promise&lt;void>, as `Promise<A<B>>` and `{{ it }}` &#123;&#123; that }}',
  );
  const row = '| `a` | (`x` \\| `y`) | infers `User | undefined` and `A \\| B` |';
  expect(withWholeCells(`one \`a | b\`\n${row}`)).toBe(
    `one \`a | b\`\n${row.replace('User |', 'User \\|')}`,
  );
});

it('names code that is neither compiled nor run, unless it says why', () => {
  const root = tree({
    'docs/README.md': [
      '```ts run\n1;\n```',
      '```ts check\n1;\n```',
      '<!-- not checked: an excerpt -->\n```ts\n1;\n```',
      '```ts\n1;\n```',
    ].join('\n\n'),
  });
  const { problems, summary } = uncheckedSamples(root, findPages(root));
  expect(problems).toEqual([expect.stringMatching(/^docs\/README\.md:14: begin the block/)]);
  expect(summary).toBe('1 run, 1 compile, 1 say why not');
});

it('names a sample that opens a file and gives no reason not to run in a page', () => {
  const sample = (name: string): string => `\`\`\`ts run\nnew ${name}('app.log');\n\`\`\``;
  const folder = tree({
    'packages/core/package.json': manifest('core'),
    'packages/core/src/tail.ts': "import { open } from 'node:fs/promises';\nexport class Tail {}\n",
    'packages/core/src/lines.ts': 'export class Lines {}\n',
    'docs/a.md': [sample('Tail'), sample('Lines'), sample('Region')].join('\n\n'),
    'site/playground/unsupported.json': '[{ "pattern": "new Region", "reason": "no files" }]',
  });
  expect(filesInPage(folder)).toEqual([
    'docs/a.md:1: a page has no files for Tail: unsupported.json says why',
  ]);
  expect(filesInPage(root)).toEqual([]);
});

it('finds dead links and anchors in the built pages, and what they load from elsewhere', () => {
  const dist = tree({
    'index.html': [
      '<a href="/headrace/a#there">ok</a><a href="./a">ok</a><a href="#top">dead</a>',
      '<a href="/headrace/a#gone">dead</a><a href="/headrace/b">dead</a><a href="/c">out</a>',
      '<img src="https://example.com/x.svg"><a href="https://example.com/">ok</a>',
    ].join('\n'),
    'a.html': '<h2 id="there">x</h2>',
    'errors.html': '<h3 id="hr_err_a">x</h3>',
  });
  const { problems, count } = checkBuiltLinks(dist);
  expect(count).toBe(6);
  expect(problems.map((problem) => problem.replace('index.html: ', ''))).toEqual([
    'link "#top": index.html has no #top',
    'link "/headrace/a#gone": a.html has no #gone',
    'link "/headrace/b" is dead',
    'link "/c" leaves the site',
    'loads https://example.com/x.svg',
  ]);
  const elsewhere = checkBuiltLinks(dist, '/some/where/').problems;
  expect(elsewhere).toContain('index.html: link "/headrace/a#there" leaves the site');
  expect(missingErrorAnchors(dist, ['HR_ERR_A', 'HR_ERR_B'])).toEqual([
    'errors.html: HR_ERR_B has no anchor #hr_err_b',
  ]);
});

function wrongDefaultsIn(text: string, kinds: DescribedSet['kinds']): string[] {
  const file = 'packages/core/src/echo.ts';
  const root = tree({ [file]: text });
  const types = new OptionTypes([readSource(root, file)], [{ file, owner: 'Echo', kinds }]);
  return wrongDefaults(types).problems.map(describeProblem);
}

it('compares the defaults of inherited options and of those within a type', () => {
  const size = { allowed: 'a size', standard: '2048' };
  const kinds = { size, mode: { allowed: 'a mode', standard: "'any'" } };
  const base = (words: string) =>
    `interface Base { /** @default ${words} */ readonly size?: number }`;
  const heir =
    "export interface Heir extends Base { /** @default 'any' */ readonly mode?: string }";
  expect(wrongDefaultsIn(`${base('2 * 1024 (2 KiB)')}\n${heir}`, kinds)).toEqual([]);
  expect(wrongDefaultsIn(`${base('3 * 1024')}\n${heir}`, kinds)).toEqual([
    'packages/core/src/echo.ts:1: Heir.size: @default 3 * 1024, but its description has 2048',
  ]);
  const within = 'export type Echo = boolean | { /** @default 1 */ readonly size?: number };';
  expect(wrongDefaultsIn(within, { size })).toEqual([
    'packages/core/src/echo.ts:1: Echo.size: @default 1, but its description has 2048',
  ]);
});

it('names a set of options that no interface has', () => {
  const kinds = { size: { allowed: 'a size', standard: '2048' } };
  expect(wrongDefaultsIn('export interface Echo { readonly length?: number }', kinds)).toEqual([
    'packages/core/src/echo.ts: no interface has the options of Echo: size',
  ]);
});

it('does not go without the sets of options', async () => {
  const loader = new URL('../site/note-option-sets.mjs', import.meta.url).href;
  const { load } = (await import(loader)) as { load: (...args: unknown[]) => Promise<unknown> };
  const next = () => Promise.resolve({ source: 'this.holder = owner;' });
  const loading = load('file:///core/src/option/option-set.ts', {}, next);
  await expect(loading).rejects.toThrow('has no "this.owner = owner;"');
  const register = new URL('../register.mjs', import.meta.url).href;
  const root = tree({
    'scripts/register.mjs': `import '${register}';`,
    'packages/core/package.json': manifest('core'),
    'packages/core/src/index.ts': 'export {};',
  });
  await expect(describedSets(root)).rejects.toThrow('describes options');
});

it('finds the sections of a page, and of an API page its names', () => {
  const guide = [
    '---\nedit: x\n---',
    '# TLS',
    'For [each](/a) `server`.',
    '```ts\n# no heading\n```',
    '## Keys',
    'One.',
    '## Keys',
    'Two.',
  ].join('\n\n');
  expect([...sectionsOf('guides/tls.md', guide)]).toEqual([
    { anchor: '', titles: ['TLS'], text: 'For each server . ts no heading' },
    { anchor: 'keys', titles: ['TLS', 'Keys'], text: 'One.' },
    { anchor: 'keys-1', titles: ['TLS', 'Keys'], text: 'Two.' },
  ]);
  const api = [
    '# @headrace/core: group',
    '- [`Group`](/api/@headrace/core/group#group) (class): Channels.',
    '## [other](/api/@headrace/core/other)',
    '- [`Other`](/api/@headrace/core/other#other) (class): Has a page of its own.',
  ].join('\n\n');
  expect([...sectionsOf('api/@headrace/core/group.md', api)]).toEqual([
    { anchor: 'group', titles: ['@headrace/core: group', 'Group'], text: 'Channels.' },
  ]);
  expect([...sectionsOf('architecture.md', guide)]).toEqual([]);
});

it('describes a page by its first paragraph', () => {
  expect(descriptionOf('# TLS\n\n```ts\nx\n```\n\nBy [`tls`](/a),\n**two** ways.\n\nMore.')).toBe(
    'By tls, two ways.',
  );
  expect(descriptionOf('---\ndescription: "Given"\n---\n# TLS')).toBe('Given');
  expect(descriptionOf(`# A\n\n${'A sentence of words. '.repeat(20)}`)).toHaveLength(188);
});

it('makes a bar with a sentence for a goal, and counts those that were missed', () => {
  const result: Result = {
    title: 'echo',
    unit: 'us',
    rows: [
      { peer: 'headrace', values: [2, 2, 2] },
      { peer: 'netty', values: [1, 2, 1] },
    ],
    goals: [{ text: 'of Netty', to: 'netty', atMost: 1.5 }],
  };
  const told = { of: 'echo', to: 'netty', name: 'Echo', peer: 'Netty', sentence: 'It is slow.' };
  expect(barsOf([result], [told])).toContain('<strong>2.00 of Netty</strong>');
  expect(barsOf([result], [told])).toContain('goal 1.5: missed');
  expect(barsOf([result], [told])).toContain('It is slow.');
  expect(barsOf([result], [])).toContain('Of 1 goals, 1 were missed');
  expect(() => barsOf([], [told])).toThrow('no goal for "Echo"');
});

it('has one logo and one palette for the site, the chat and the templates with a page', () => {
  const text = (file: string): string => readFileSync(join(root, file), 'utf8');
  const logo = text('site/logo.svg');
  const pages = ['page-and-server', 'socket-io'].map(
    (name) => `packages/create-headrace/templates/${name}/page`,
  );
  expect(text('examples/chat-showcase/public/favicon.svg')).toBe(logo);
  for (const page of pages) expect(text(`${page}/icon.svg`)).toBe(logo);
  const chat = text('examples/chat-showcase/public/style.css');
  const [light, dark] = [...chat.matchAll(/--accent: (#[0-9a-f]+);/g)].map(([, color]) => color!);
  expect(logo).toContain(`fill="${light}"`);
  expect(text('site/.vitepress/config.mts')).toContain(light);
  const styles = pages.map((page) => `${page}/style.css`);
  for (const style of ['site/.vitepress/theme/style.css', ...styles]) {
    for (const color of [light!, dark!]) expect(text(style)).toContain(color);
  }
  expect(text('benchmarks/plot.ts')).toMatch(new RegExp(`${light}[\\s\\S]*${dark}`));
  const palette = chat + text('site/.vitepress/theme/style.css');
  const drawings = filesBelow(root, 'docs/concepts', ['.svg']);
  expect(drawings).not.toEqual([]);
  for (const drawing of drawings) {
    for (const [color] of text(drawing).matchAll(/#[0-9a-f]{6}\b/g))
      expect(palette).toContain(color);
  }
});

it('takes the colors of code out of its words', () => {
  const styles =
    '.vp-code {\n --shiki-light: #000001;\n --shiki-dark: #fffff1;\n}\n' +
    '.vp-code .c1 {\n --shiki-light: #aa0000;\n --shiki-dark: #ffaaaa;\n}\n';
  const word = (light: string, dark: string, shown: string): string =>
    `<span style="--shiki-light:${light};--shiki-dark:${dark}">${shown}</span>`;
  expect(withClasses(word('#000001', '#FFFFF1', 'a.'), styles)).toBe('a.');
  expect(withClasses(word('#AA0000', '#FFAAAA', 'b'), styles)).toBe('<span class="c1">b</span>');
  const unknown = word('#AA0000', '#FFFFF1', 'c');
  expect(withClasses(unknown, styles)).toBe(unknown);
});

it('is built for the path of --base, which begins and ends with a slash', () => {
  expect(baseOf(['node', 'build.ts'])).toBeUndefined();
  expect(baseOf(['node', 'build.ts', '--base', '/'])).toBe('/');
  expect(baseOf(['node', 'build.ts', '--base', '/docs/v2.1/'])).toBe('/docs/v2.1/');
  for (const wrong of [['docs'], ['/docs'], ['//host/'], []]) {
    expect(() => baseOf(['node', 'build.ts', '--base', ...wrong])).toThrow(
      'begins and ends with /',
    );
  }
});
