// Which Markdown file becomes which page.
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesBelow, foldersIn } from '../source-file.ts';

export interface Page {
  /** Path from the root of the repository. */
  readonly source: string;
  /** Path of the page below the site's address, without an ending: `guides/tls`, `recipes/`. */
  readonly route: string;
}

const ALONE: Readonly<Record<string, string>> = {
  'README.md': '',
  'ARCHITECTURE.md': 'architecture',
  'CONTRIBUTING.md': 'contributing',
  'SECURITY.md': 'security',
  'CHANGELOG.md': 'changelog',
  'docs/README.md': 'contents',
  'examples/README.md': 'examples/',
};

/** What is for who works on the repository: it stays there, and links to it lead there. */
const IN_THE_REPOSITORY = ['docs/decisions/', 'docs/internals/'];

function routeOfDoc(source: string): string {
  return source
    .replace(/^docs\//, '')
    .replace(/(^|\/)README\.md$/, '$1')
    .replace(/\.md$/, '');
}

/** Every page of the site that is a Markdown file of the repository. */
export function findPages(root: string): Page[] {
  const pages = Object.entries(ALONE)
    .filter(([source]) => existsSync(join(root, source)))
    .map(([source, route]) => ({ source, route }));
  for (const source of filesBelow(root, 'docs', ['.md'])) {
    const isPage = !IN_THE_REPOSITORY.some((folder) => source.startsWith(folder));
    if (isPage && ALONE[source] === undefined) pages.push({ source, route: routeOfDoc(source) });
  }
  for (const parent of ['packages', 'examples']) {
    for (const folder of foldersIn(root, parent)) {
      const source = `${folder}/README.md`;
      if (existsSync(join(root, source))) pages.push({ source, route: folder });
      const changes = `${folder}/CHANGELOG.md`;
      if (existsSync(join(root, changes))) {
        pages.push({ source: changes, route: `changelog/${posix.basename(folder)}` });
      }
    }
  }
  return pages;
}
