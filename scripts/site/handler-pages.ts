// One page for each public handler: its card, its options, its example.
import { withoutTags } from '../../site/markdown.mjs';
import { type HandlerClass, publicHandlers } from '../check-cards.ts';
import { readSource } from '../source-file.ts';
import { sourcesIn } from '../workspace.ts';
import type { DescribedSet } from './option-sets.ts';
import { constructorType, type Option, OptionTypes } from './options.ts';

export interface WrittenPage {
  readonly route: string;
  readonly text: string;
}

/** The folder of the pages. */
export const HANDLERS = 'handlers/';
const SOURCE = 'https://github.com/headrace/headrace/blob/main';

const escapeCell = (text: string): string => withoutTags(text.replaceAll('|', '\\|'));

const withErrorLinks = (line: string): string =>
  line.replace(
    /`(HR_ERR_[A-Z_]+)`/g,
    (_, code: string) => `[\`${code}\`](/errors#${code.toLowerCase()})`,
  );

type Link = (name: string) => string | undefined;

function withLinks(text: string, link: Link): string {
  return text.replace(
    /\{@link\s+([^}|\s]+)(?:\s*[|\s]\s*([^}]+))?\}/g,
    (_, name: string, words?: string) => {
      const target = link(name);
      const shown = words ?? `\`${name}\``;
      return target === undefined ? shown : `[${shown}](${target})`;
    },
  );
}

/** The card without stars; each part an item of a list, links as links. */
function cardText(card: string, link: Link): string {
  const lines = card
    .replace(/^\*/, '')
    .replace(/^[ \t]*\* ?/gm, '')
    .split('\n');
  let isPart = false;
  let isCode = false;
  const text = lines.map((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    if (isCode || line.startsWith('```')) return line;
    if (/^(?:- )?\*\*[A-Z]\w*\*\*/.test(line)) {
      isPart = true;
      return withErrorLinks(line.startsWith('- ') ? line : `- ${line}`);
    }
    if (line.trim() === '' || line.startsWith('@')) isPart = false;
    const linked = withErrorLinks(line);
    return isPart && !line.startsWith(' ') ? `  ${linked}` : linked;
  });
  return withLinks(text.join('\n'), link);
}

const firstSentence = (text: string): string =>
  (/^[\s\S]*?[.:](?=\s|$)/.exec(text.trim())?.[0] ?? text.trim())
    .replace(/\s+/g, ' ')
    .replace(/:$/, '.');

function optionsTable(options: readonly Option[], link: Link): string {
  if (options.length === 0) return '';
  const rows = options.map(({ name, type, isRequired, standard, words, described }) => {
    const shown = `<span class="option-type" v-pre>${escapeCell(type)}</span>`;
    const absent = described?.standard ?? standard;
    const by = absent === undefined ? (isRequired ? 'required' : '') : verbatim(absent);
    const { allowed = '' } = described ?? {};
    // Braces at the end of a cell are attributes of it for the site's Markdown.
    const values = allowed.includes('{') ? verbatim(allowed) : escapeCell(allowed);
    return `| \`${name}\`${shown} | ${by} | ${values} | ${escapeCell(withLinks(words, link))} |`;
  });
  return [
    '## Options',
    '',
    '| Option | Default | Allowed | |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

const packageOf = (file: string): string => file.split('/')[1] ?? '';
const folderOf = (file: string): string => file.split('/').slice(3, -1).join('/');

/** The handlers' pages and their index. `api` gives the address of a name's API page, `sets` the defaults. */
export function handlerPages(
  root: string,
  api: (name: string, of: string) => string | undefined,
  sets: readonly DescribedSet[],
): WrittenPage[] {
  const handlers = publicHandlers(root);
  const known = new Set(handlers.map(({ name }) => name));
  const sources = sourcesIn(root).map((file) => readSource(root, file));
  const types = new OptionTypes(sources, sets);
  const pageOf = (handler: HandlerClass): { page: WrittenPage; sentence: string } => {
    const { name, file, line, card = '' } = handler;
    const of = packageOf(file);
    const link: Link = (to) =>
      known.has(to) ? `/handlers/${to}` : api(to.replace(/[.#].*$/, ''), of);
    const text = cardText(card, link);
    const [words = '', tail = ''] = text.split(/^@example.*$/m);
    const [example = '', ...notes] = tail.split(/^@(?=\w)/m);
    const see = notes
      .filter((note) => note.startsWith('see '))
      .map((note) => `See also ${note.slice(4).trim()}.`);
    const source = readSource(root, file);
    const type = constructorType(source, name);
    const options = type === undefined ? [] : types.ofType(source, type);
    const apiPage = api(name, of);
    const page = [
      `# ${name}`,
      '',
      `From [\`@headrace/${of}\`](/packages/${of}): ${apiPage === undefined ? '' : `[API](${apiPage}), `}[source](${SOURCE}/${file}#L${line}).`,
      '',
      '```ts',
      `import { ${name} } from '@headrace/${of}';`,
      '```',
      '',
      words.replace(/^@\w[\s\S]*$/m, '').trim(),
      '',
      optionsTable(options, link),
      '## Example',
      '',
      example.trim(),
      '',
      ...see,
      '',
    ];
    return {
      page: { route: HANDLERS + name, text: page.join('\n') },
      sentence: firstSentence(words),
    };
  };
  const made = handlers.map((handler) => ({ handler, ...pageOf(handler) }));
  const index = [
    '# Handlers',
    '',
    `The ${made.length} handlers of all packages, each with what it takes, gives, raises, keeps and costs.`,
    '',
  ];
  let group = '';
  for (const { handler, sentence } of made) {
    const now = `@headrace/${packageOf(handler.file)}`;
    const folder = folderOf(handler.file);
    const heading = `${now}: ${folder}`;
    if (heading !== group) {
      group = heading;
      index.push('', `## ${heading}`, '');
    }
    index.push(`- [${handler.name}](/handlers/${handler.name}): ${sentence}`);
  }
  return [{ route: HANDLERS, text: `${index.join('\n')}\n` }, ...made.map(({ page }) => page)];
}

function verbatim(text: string): string {
  return `<code v-pre>${escapeCell(text)}</code>`;
}
