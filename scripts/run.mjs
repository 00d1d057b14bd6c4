// `node scripts/run.mjs TOOL ARGS…` runs a tool of node_modules/.bin, and installs first what is missing.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installMissing, root } from './install.mjs';

const PACKAGES = {
  biome: '@biomejs/biome',
  oxlint: 'oxlint',
  tsc: 'typescript',
  vitest: 'vitest',
};

const [tool, ...rest] = process.argv.slice(2);
const name = PACKAGES[tool];
if (name === undefined) {
  process.stderr.write(`usage: node scripts/run.mjs ${Object.keys(PACKAGES).join('|')} ARGS…\n`);
  process.exit(1);
}
installMissing();
const manifest = join(root, 'node_modules', name, 'package.json');
if (!existsSync(manifest)) {
  process.stderr.write(`${name} is not installed; remove node_modules and try again\n`);
  process.exit(1);
}
const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
const path = join(dirname(manifest), typeof bin === 'string' ? bin : bin[tool]);
process.chdir(root);
process.argv = [process.argv[0], path, ...rest];
await import(pathToFileURL(path).href);
