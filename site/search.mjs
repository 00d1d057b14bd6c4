// What the search knows and how it orders what it finds: the site's build and the check of the search share it.
import { slug } from './slug.mjs';

/** Pages for who works on Headrace itself: they have a place of their own, and the search leaves them out. */
export const INTERNALS = /^(?:architecture|contributing|changelog|contents)/;

/**
 * Words that readers type and a page does not say in a title: they count as part of its title.
 * A word belongs here when the table of the check, `scripts/site/search-table.ts`, misses it.
 */
const OTHER_WORDS = new Map(
  Object.entries({
    capacity: 'memory per connection',
    'concepts/back-pressure': 'backpressure flow control',
    'guides/auth': 'authentication login sign in',
    'guides/behind-a-proxy': 'sticky sessions',
    'guides/calls': 'request response rpc',
    'guides/clients': 'reconnect reconnecting retry client',
    'guides/cluster': 'redis nats cluster scale',
    'guides/framing': 'split sticky packets',
    'guides/groups': 'broadcast slow consumer room',
    'guides/kubernetes': 'health check',
    'guides/testing-a-protocol-without-a-socket': 'unit test mock',
    'guides/web-sockets': 'websocket wss ws',
    limits: 'default limits',
    security: 'report a vulnerability',
    'tutorial/1-first-server': 'tutorial getting started',
  }),
);
const END_OF_OTHER_WORDS = '\0';

const plain = (markdown) =>
  markdown
    .replace(/<!--[\s\S]*?-->|<style>[\s\S]*?<\/style>|<svg[\s\S]*?<\/svg>/g, '')
    .replace(/!?\[((?:[^\][]|\[[^\]]*\])*)\]\([^)]*\)/g, '$1')
    .replace(/<[a-z/][^>]*>/gi, ' ')
    .replace(/[`*|>#]/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/\s+/g, ' ')
    .trim();

/** An API page is found by its names, each with its sentence; its members are too many. */
function* namesOf(title, text) {
  const own = text.split(/^## /m, 1)[0];
  for (const [, name, anchor, sentence] of own.matchAll(
    /^- \[`([^`]+)`\]\(\/api\/[^)#]*#([^)]+)\) \(\w+\):? ?(.*)$/gm,
  )) {
    yield { anchor, titles: [title, name], text: plain(sentence) };
  }
}

const finished = ({ anchor, titles, others, text }) => ({
  anchor,
  titles,
  // VitePress gives a section's text and titles to the index, and nothing else.
  text: others === '' ? plain(text) : others + END_OF_OTHER_WORDS + plain(text),
});

/** The sections of a page that the search finds. `page` is its file below the pages, `guides/tls.md`. */
export function* sectionsOf(page, markdown) {
  const [, front = '', body = ''] = /^(?:---\n([\s\S]*?)\n---\n)?([\s\S]*)$/.exec(markdown);
  if (INTERNALS.test(page) || /^(?:search: false|layout: home)$/m.test(front)) return;
  const used = new Map();
  const titles = [];
  let open;
  let isCode = false;
  for (const line of body.split('\n')) {
    if (/^ *(?:```|~~~)/.test(line)) isCode = !isCode;
    const [, marks, words] = (!isCode && /^(#{1,3}) (.+)$/.exec(line)) || [];
    if (marks === undefined) {
      if (open !== undefined) open.text += `${line}\n`;
      continue;
    }
    if (open !== undefined) yield finished(open);
    const [, shown = words, id] = /^(.*?)\s*\{#([^}]+)\}$/.exec(words) ?? [];
    const name = id ?? slug(plain(shown));
    const count = used.get(name) ?? 0;
    used.set(name, count + 1);
    titles.splice(marks.length - 1, titles.length, plain(shown));
    const all = titles.filter(Boolean);
    if (marks === '#' && page.startsWith('api/')) {
      yield* namesOf(plain(shown), body);
      return;
    }
    const others = marks === '#' ? (OTHER_WORDS.get(page.replace(/\.md$/, '')) ?? '') : '';
    // The page itself has no anchor: a reader who finds it begins at its top.
    const anchor = marks === '#' ? '' : count === 0 ? name : `${name}-${count}`;
    open = { anchor, titles: [...all], others, text: '' };
  }
  if (open !== undefined) yield finished(open);
}

/** The options of MiniSearch. The functions go to the reader's browser as text: they use nothing from outside. */
export const MINI_SEARCH = {
  options: {
    fields: ['title', 'titles', 'text', 'others'],
    extractField: (section, field) => {
      if (field !== 'text' && field !== 'others') return section[field];
      const [text, others = ''] = section.text.split('\0').reverse();
      return field === 'text' ? text : others;
    },
    // Names stay whole: readerIdleMs, HR_ERR_FRAME_TOO_LONG.
    tokenize: (text) => text.split(/[^\p{L}\p{N}_$]+/u).filter((word) => word !== ''),
  },
  searchOptions: {
    fuzzy: 0.1,
    prefix: true,
    weights: { prefix: 0.15, fuzzy: 0.15 },
    combineWith: 'OR',
    boost: { title: 6, others: 10, titles: 1, text: 1 },
    // A page named by the word comes first, then guides, then others; a page before its sections.
    boostDocument: (id, term, { title = '' } = {}) => {
      const page = id.replace(/^\/headrace\//, '');
      // Of names, those that nobody types by accident.
      const isNamed = /[a-z][A-Z]|_/.test(title) && title.toLowerCase() === term.toLowerCase();
      const ofPlace = page.includes('#') ? 1 : 1.5;
      if (page.startsWith('api/')) return isNamed ? 4 : 0.4;
      const ofKind = /^(?:guides|concepts|start)/.test(page)
        ? 2
        : page.startsWith('recipes')
          ? 1.6
          : 1;
      return ofKind * ofPlace * (isNamed ? 4 : 1);
    },
  },
};
