// How much a page loads: clients of ours as they are built, and others, bundled alike. `npm run build` before; an argument
// is a folder with the others: npm install --prefix FOLDER socket.io-client centrifuge phoenix sockjs-client
// `--modules` shows the heaviest modules of each of ours.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { heaviestModules } from './page-modules.ts';
import { bundled, PAGES, type PageBundle } from './pages.ts';

const OTHERS: Readonly<Record<string, string>> = {
  'socket.io-client': `import { io } from 'socket.io-client'; io().emitWithAck('hello');`,
  centrifuge: `import { Centrifuge } from 'centrifuge'; new Centrifuge('/ws').rpc('hello', {});`,
  phoenix: `import { Socket } from 'phoenix'; new Socket('/ws').channel('room').join();`,
  'sockjs-client': `import SockJS from 'sockjs-client'; new SockJS('/ws').send('hello');`,
};

function row(name: string, code: string): string {
  const bytes = Buffer.from(code);
  const sizes = [bytes, gzipSync(bytes, { level: 9 }), brotliCompressSync(bytes)];
  return `| ${name} | ${sizes.map(({ length }) => `${(length / 1000).toFixed(1)} kB`).join(' | ')} |`;
}

function versionOf(folder: string, name: string): string {
  const file = join(folder, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** A project that has our packages as npm would install them. */
function ownProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-page-'));
  const scope = join(folder, 'node_modules', '@headrace');
  mkdirSync(scope, { recursive: true });
  for (const name of ['client', 'codec', 'core', 'handlers', 'lasting', 'rpc', 'websocket']) {
    symlinkSync(fileURLToPath(new URL(`../packages/${name}`, import.meta.url)), join(scope, name));
  }
  return folder;
}

const own = ownProject();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { modules: { type: 'boolean', default: false } },
});
console.log('| | minified | gzip | brotli |\n| --- | --- | --- | --- |');
const ours = new Map<string, PageBundle>();
for (const [name, program] of Object.entries(PAGES)) {
  const made = await bundled(own, program);
  ours.set(name, made);
  console.log(row(name, made.code));
}
const [folder] = positionals;
if (folder !== undefined) {
  for (const [name, program] of Object.entries(OTHERS)) {
    console.log(row(`${name} ${versionOf(folder, name)}`, (await bundled(folder, program)).code));
  }
}
for (const [name, { code, map }] of values.modules ? ours : []) {
  if (map) console.log(`\n${name}\n\n${heaviestModules(code, map)}`);
}
rmSync(own, { recursive: true });
