// The packages as a page imports them, without a bundler: their files, and the import map that names them.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface Modules {
  /** By path: `/modules/@headrace/core/index.js`. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What stands in `<script type="importmap">`. */
  readonly importMap: string;
}

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default?: string }>>;
}

/** Where a package has its modules for pages. */
const FOLDER = './dist/browser/';

/** Reads the modules of these packages once, when the server starts. */
export function readModules(packages: readonly string[]): Modules {
  const files = new Map<string, Buffer>();
  const imports: Record<string, string> = {};
  const { resolve } = createRequire(import.meta.url);
  for (const name of packages) {
    const manifest = resolve(`${name}/package.json`);
    const place = `/modules/${name}/`;
    const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as Manifest;
    for (const [entry, target] of Object.entries(exports)) {
      const file = typeof target === 'string' ? undefined : target.default;
      if (file?.startsWith(FOLDER) !== true) continue;
      imports[name + entry.slice(1)] = place + file.slice(FOLDER.length);
    }
    const folder = join(dirname(manifest), FOLDER);
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js')) continue;
      files.set(place + file.replaceAll('\\', '/'), readFileSync(join(folder, file)));
    }
  }
  return { files, importMap: JSON.stringify({ imports }) };
}
