// Every link and every anchor in the HTML of the built site.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesBelow } from '../source-file.ts';
import { BASE } from './base.ts';

export interface BuiltLinks {
  readonly count: number;
  readonly pages: number;
  readonly problems: readonly string[];
}

const plain = (text: string): string =>
  text
    .replace(/&amp;/g, '&')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&lt;/g, '<');

/** The file of the built site that an address leads to. */
function fileOf(dist: string, base: string, page: string, path: string): string {
  if (path === '') return page;
  const below = path.startsWith('/')
    ? posix.relative(base, posix.normalize(path)) + (path.endsWith('/') ? '/' : '')
    : posix.join(posix.dirname(page), path);
  const file = decodeURIComponent(below);
  if (file === '' || file === '/' || file.endsWith('/')) return posix.join(file, 'index.html');
  const whole = join(dist, file);
  return existsSync(whole) && statSync(whole).isFile()
    ? file
    : `${file.replace(/\.html$/, '')}.html`;
}

/** Dead links, dead anchors, links to the server's root, and what is loaded from other hosts. */
export function checkBuiltLinks(dist: string, base: string = BASE): BuiltLinks {
  const pages = filesBelow(dist, '.', ['.html']);
  const ids = new Map<string, Set<string>>();
  const texts = new Map<string, string>();
  for (const page of pages) {
    const html = readFileSync(join(dist, page), 'utf8');
    texts.set(page, html);
    ids.set(
      page,
      new Set([...html.matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, id]) => plain(id!))),
    );
  }
  const found = new Map<string, string>();
  let count = 0;
  for (const [page, html] of texts) {
    for (const [, tag = '', attribute, value = ''] of html.matchAll(
      /<(a|img|script|link|source|iframe)\b[^>]*?\s(href|src)="([^"]*)"/g,
    )) {
      const link = plain(value);
      if (/^[a-z][a-z+.-]*:|^\/\//i.test(link)) {
        const isLoaded = attribute === 'src' || tag === 'link';
        if (isLoaded && !link.startsWith('data:')) found.set(`loads ${link}`, page);
        continue;
      }
      count += 1;
      const [path = '', anchor = ''] = link.split('#');
      if (path.startsWith('/') && !path.startsWith(base)) {
        found.set(`link "${link}" leaves the site`, page);
        continue;
      }
      const file = fileOf(dist, base, page, path);
      if (!existsSync(join(dist, file))) found.set(`link "${link}" is dead`, page);
      else if (
        anchor !== '' &&
        file.endsWith('.html') &&
        ids.get(file)?.has(decodeURIComponent(anchor)) !== true
      ) {
        found.set(`link "${link}": ${file} has no #${anchor}`, page);
      }
    }
  }
  const problems = [...found].map(([message, page]) => `${page}: ${message}`);
  return { count, pages: pages.length, problems };
}

/** Error codes without their address in the built page of errors. */
export function missingErrorAnchors(dist: string, codes: Iterable<string>): string[] {
  const html = readFileSync(join(dist, 'errors.html'), 'utf8');
  return [...codes]
    .filter((code) => !html.includes(`id="${code.toLowerCase()}"`))
    .map((code) => `errors.html: ${code} has no anchor #${code.toLowerCase()}`);
}
