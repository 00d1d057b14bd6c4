// `node build.mjs FOLDER` bundles for the browser: the packages, the runner of samples and the worker that runs one, the
// editor and TypeScript. It writes `modules.json`: what a sample may import, and the file it comes from.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');
const [out] = process.argv.slice(2);
if (out === undefined) throw new Error('usage: node build.mjs FOLDER');

/** Entries of our packages that samples import; the name is the file's. */
const PACKAGES = {
  headrace: 'packages/headrace/src/index.ts',
  'headrace/authoring': 'packages/headrace/src/authoring.ts',
  'headrace/call': 'packages/headrace/src/call.ts',
  'headrace/cbor': 'packages/headrace/src/cbor.ts',
  'headrace/msgpack': 'packages/headrace/src/msgpack.ts',
  'headrace/testing': 'packages/headrace/src/testing/index.ts',
  '@headrace/core': 'packages/core/src/index.ts',
  '@headrace/core/authoring': 'packages/core/src/authoring.ts',
  '@headrace/core/buffer': 'packages/core/src/buffer.ts',
  '@headrace/core/testing': 'packages/core/src/testing/index.ts',
  '@headrace/codec': 'packages/codec/src/index.ts',
  '@headrace/codec/authoring': 'packages/codec/src/authoring.ts',
  '@headrace/mqtt': 'packages/mqtt/src/index.ts',
  '@headrace/resp': 'packages/resp/src/index.ts',
  '@headrace/stomp': 'packages/stomp/src/index.ts',
  '@headrace/handlers': 'packages/handlers/src/index.ts',
  '@headrace/handlers/call': 'packages/handlers/src/call/index.ts',
  '@headrace/handlers/metrics': 'packages/handlers/src/metrics/index.ts',
  '@headrace/rpc': 'packages/rpc/src/index.ts',
  '@headrace/service-check': 'packages/service-check/src/index.ts',
  '@headrace/client': 'packages/client/src/index.ts',
  '@headrace/tabs': 'packages/tabs/src/index.ts',
  '@headrace/websocket': 'packages/websocket/src/index.ts',
  '@headrace/yamux': 'packages/yamux/src/index.ts',
  '@headrace/lasting': 'packages/lasting/src/index.ts',
  '@headrace/simulation': 'packages/simulation/src/index.ts',
  '@headrace/codec/cbor': 'packages/codec/src/cbor/cbor-codec.ts',
  '@headrace/codec/msgpack': 'packages/codec/src/msgpack/msgpack-codec.ts',
};
/** Ours, where the behavior matters or the library has nothing. */
const SHIMS = {
  async_hooks: 'async-hooks',
  buffer: 'buffer',
  crypto: 'crypto',
  dgram: 'dgram',
  diagnostics_channel: 'diagnostics-channel',
  dns: 'dns',
  fs: 'fs',
  'fs/promises': 'fs',
  http: 'http',
  module: 'module',
  net: 'net',
  perf_hooks: 'perf-hooks',
  'stream/web': 'stream-web',
  timers: 'timers',
  'timers/promises': 'timers-promises',
  tls: 'tls',
  url: 'url',
  util: 'util',
  worker_threads: 'worker-threads',
};
/** What samples import of Node's. */
const BUILTINS = [
  'assert',
  'assert/strict',
  'buffer',
  'crypto',
  'diagnostics_channel',
  'events',
  'net',
  'stream',
  'stream/promises',
  'timers/promises',
  'util',
  'worker_threads',
];

const library = (name) =>
  join(here, 'node_modules/@jspm/core/nodelibs/browser', `${name.replace('assert/strict', 'assert')}.js`);
const polyfill = (name) =>
  name in SHIMS ? join(here, 'shims', `${SHIMS[name]}.ts`) : library(name);

/** The file that holds the Buffer of the polyfills, which then take ours. */
const [, theirBuffer] = /from '\.\/([^']+)'/.exec(readFileSync(library('buffer'), 'utf8'));

/** The client of WebSockets is that of pages, here, too; its server is Node's. */
const websocket = join(root, 'packages', 'websocket', 'src');
const ofPages = (path) => join(websocket, 'browser', basename(path));

const forBrowser = {
  name: 'node-builtins',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, importer }) =>
      importer.startsWith(websocket) && existsSync(ofPages(path)) ? { path: ofPages(path) } : undefined,
    );
    onResolve({ filter: /^buffer$/ }, () => ({ path: polyfill('buffer') }));
    onResolve({ filter: /^\.\/chunk-/ }, ({ path }) =>
      path === `./${theirBuffer}` ? { path: polyfill('buffer') } : undefined,
    );
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path: polyfill(path.slice('node:'.length)) }));
    onResolve({ filter: /^@jspm\/core\/nodelibs\// }, ({ path }) => ({
      path: library(path.slice('@jspm/core/nodelibs/'.length)),
    }));
    onResolve({ filter: /^(?:@headrace\/|headrace(?:\/|$))/ }, ({ path }) => ({ path: join(root, PACKAGES[path]) }));
  },
};

const fileOf = (specifier) => specifier.replace(/^@headrace\//, 'headrace-').replaceAll(/[:/]/g, '-');
const modules = Object.fromEntries([
  ...Object.keys(PACKAGES).map((name) => [name, fileOf(name)]),
  ...BUILTINS.map((name) => [`node:${name}`, fileOf(`node:${name}`)]),
]);
const entryPoints = {
  runner: join(here, 'runner', 'runner.ts'),
  worker: join(here, 'runner', 'worker.ts'),
  fs: join(here, 'shims', 'fs.ts'),
  'without-await': join(here, 'runner', 'without-await.ts'),
  'web-socket': join(here, 'shims', 'web-socket.ts'),
  'live-pipeline': join(here, 'pipeline', 'live-pipeline.ts'),
};
for (const [name, path] of Object.entries(PACKAGES)) entryPoints[fileOf(name)] = join(root, path);
for (const name of BUILTINS) entryPoints[fileOf(`node:${name}`)] = polyfill(name);

await build({
  entryPoints,
  outdir: out,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  // An optional peer, imported when a proxy is named: a page has none.
  external: ['socks'],
  target: 'es2022',
  // A browser's `await` cannot be followed, callbacks of promises can.
  supported: { 'async-await': false, 'async-generator': false, 'for-await': false },
  conditions: ['@headrace/source'],
  tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
  inject: [join(here, 'shims', 'globals.ts')],
  plugins: [forBrowser],
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
});
// Neither has a use for what Node has.
const plain = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
};
await build({
  ...plain,
  entryPoints: {
    editor: join(here, 'editor', 'editor.ts'),
    'types-worker': join(here, 'types', 'worker.ts'),
  },
  outdir: out,
  platform: 'browser',
});
const {
  outputFiles: [typescript],
} = await build({
  ...plain,
  stdin: { contents: "export { default } from 'typescript';", resolveDir: here },
  write: false,
  // It asks for Node's modules only where it finds Node.
  platform: 'node',
  define: { process: 'undefined' },
});
// The whole site must stay small, and not every server compresses what it sends.
writeFileSync(join(out, 'typescript.packed'), gzipSync(typescript.contents, { level: 9 }));
writeFileSync(join(out, 'modules.json'), JSON.stringify(modules));
