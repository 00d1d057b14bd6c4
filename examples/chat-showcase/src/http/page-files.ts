// The page's files, read once when the server starts: a missing file ends the start, and surprises no visitor.
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { token } from '@headrace/inject';

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** By path: `/theme.css`, and `/` for the page itself. */
export type PageFiles = ReadonlyMap<string, PageFile>;

export const PAGE_FILES = token<PageFiles>('pageFiles');

/** A folder may have a program of its own here; otherwise it is that of the chat's page. */
export const PAGE_PROGRAM = '/main.js';

export const PAGE_FOLDER = fileURLToPath(new URL('../../public/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webmanifest': 'application/manifest+json',
};

/** References of a file to others: src="/x", href="/x", import … from './x.js', import './x.js', url(x). */
const REFERENCES =
  /(?:src|href)="\/([^"#?:]+)"|(?:from|import) ?\(?'\.\/([^']+)'|url\(['"]?(?:\.?\/)?([^'"):]+)['"]?\)/g;

export class PageFileError extends Error {
  override readonly name = 'PageFileError';
}

/** Reads all files of the page, and sees to it that each one that another asks for is there. */
export function readPageFiles(folder: string = PAGE_FOLDER): PageFiles {
  const files = new Map<string, PageFile>();
  for (const name of namesIn(folder)) {
    const type = TYPES[extname(name)];
    if (type !== undefined)
      files.set(`/${name}`, { type, content: readFileSync(join(folder, name)) });
  }
  const index = files.get('/index.html');
  if (index === undefined)
    throw new PageFileError(`the page file ${join(folder, 'index.html')} is missing`);
  for (const [path, { type, content }] of files) {
    if (!type.startsWith('text/')) continue;
    for (const [, inHtml, inScript, inStyle] of content.toString().matchAll(REFERENCES)) {
      const wanted = inHtml ?? inScript ?? inStyle ?? '';
      if (files.has(`/${wanted}`) || `/${wanted}` === PAGE_PROGRAM) continue;
      throw new PageFileError(
        `the page file ${join(folder, wanted)} is missing; ${path} asks for it`,
      );
    }
  }
  return files.set('/', index);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new PageFileError(`cannot read the page files: ${(error as Error).message}`);
  }
}
