// Links between Markdown files become links between pages, all others lead to GitHub.
import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Page } from './pages.ts';

const REPOSITORY = 'https://github.com/headrace/headrace';
const LINK = /\[(?:[^\][]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g;

const IMAGE = /\.(?:svg|png|jpg|webp)$/;

/** The text with code blanked out, so that line numbers stay. The lines of a paragraph can break within code. */
export function withoutCode(text: string): string {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ');
  return text
    .replace(/^([ \t]*)(`{3,}|~{3,})[\s\S]*?^[ \t]*\2/gm, blank)
    .replace(/(?<!`)(`+)(?!`)(?:(?!\n\s*\n)[\s\S])*?(?<!`)\1(?!`)/g, blank);
}

export class Links {
  private readonly root: string;
  private readonly routes: ReadonlyMap<string, string>;
  /** Files that pages show or offer: path from the root. */
  readonly assets: Set<string> = new Set();
  readonly problems: string[] = [];

  constructor(
    root: string,
    pages: readonly Page[],
    /** The site's own address: links to it become links between pages. */
    private readonly site: string,
  ) {
    this.root = root;
    this.routes = new Map(pages.map(({ source, route }) => [source, route]));
  }

  /** The Markdown of a file with all its links rewritten. */
  rewrite(source: string, text: string): string {
    const masked = withoutCode(text);
    let result = '';
    let last = 0;
    for (const match of masked.matchAll(LINK)) {
      const target = match[1] ?? '';
      const start = match.index + match[0].lastIndexOf(target);
      result += text.slice(last, start) + this.target(source, target);
      last = start + target.length;
    }
    return result + text.slice(last);
  }

  private target(source: string, link: string): string {
    if (link.startsWith(this.site)) return `/${link.slice(this.site.length)}`;
    const own = link.startsWith(REPOSITORY)
      ? /^\/(?:tree|blob)\/main\/([^#]*)(#.*)?$/.exec(link.slice(REPOSITORY.length))
      : null;
    if (own === null && /^[a-z][a-z+.-]*:/i.test(link)) return link;
    const [path = '', anchor] = own === null ? link.split('#') : [own[1] ?? '', own[2]?.slice(1)];
    if (path === '' && own === null) return link;
    const from = own === null ? posix.dirname(source) : '.';
    const file = posix.normalize(posix.join(from, decodeURI(path))).replace(/\/$/, '');
    const hash = anchor === undefined || anchor === 'readme' ? '' : `#${anchor}`;
    if (!existsSync(join(this.root, file))) {
      this.problems.push(`${source}: link "${link}" is dead`);
      return link;
    }
    const isFolder = statSync(join(this.root, file)).isDirectory();
    const route = this.routes.get(isFolder ? `${file}/README.md` : file);
    if (route !== undefined) return `/${route}${hash}`;
    if (IMAGE.test(file)) {
      this.assets.add(file);
      return `/${file}`;
    }
    return `${REPOSITORY}/${isFolder ? 'tree' : 'blob'}/main/${file}${hash}`;
  }
}
