// The files of the page as Vite has written them, read once when the server starts.
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** By path: `/assets/index.js`, and `/` for the page itself. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export function readPageFiles(folder: string): PageFiles {
  const files = new Map<string, PageFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length).replaceAll('\\', '/');
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    files.set(name.startsWith('/') ? name : `/${name}`, { type, content: readFileSync(path) });
  }
  const page = files.get('/index.html');
  if (page === undefined) throw new Error(`there is no page in ${folder}: npm run build`);
  return files.set('/', page);
}
