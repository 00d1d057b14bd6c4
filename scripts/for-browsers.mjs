// The packages in a page. Files of a package's `src/browser` take the place of those with the same name elsewhere in it,
// core's `node-buffer.ts` that of `node:buffer`. What needs Node becomes a stub that says so when it is used.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { parseAst } from 'rolldown/parseAst';
import { root } from './install.mjs';

/** The parts of each package that need Node: folders, or files without their endings. */
const NODE_ONLY = {
  core: [
    'bootstrap/',
    'transport/bun/',
    'transport/node-handle/',
    'transport/tls/',
    'transport/descriptor-limit',
    'transport/socket-',
    'transport/stale-socket',
    'transport/stream-transport',
    'transport/transport-duplex',
    'stream/channel-duplex',
    'stream/duplex-handler',
    'peer/ip-networks',
    'peer/trusted-peers',
  ],
  codec: ['compression/', 'proxy-protocol/'],
  handlers: [
    'auth/guess-limiter',
    'auth/secrets-equal',
    'flow/file-',
    'flow/stream-',
    'health/',
    'limit/ip-filter-handler',
    'limit/load-meter',
    'limit/overload-guard',
    'logging/pcap-',
    'metrics/diagnostics-handler',
    'metrics/metrics-listener',
    'metrics/server-metrics',
  ],
  client: ['address/http-addresses', 'address/srv-addresses', 'proxy/'],
  websocket: ['server/'],
};

/** Servers that could run in a page, where nobody can reach them: the packages as they are published leave them out. */
const SERVERS = { lasting: ['server/', 'log/'] };

/** Packages that stay outside one that is built. Others are part of it: a page needs nothing of CommonJS. */
const PEERS = /^@(?:headrace|bufbuild)\//;

const packages = join(root, 'packages');
const EMITTER = createRequire(join(packages, 'core', 'package.json')).resolve('eventemitter3');
/** A file of a package: `{ name: 'core', kind: 'src', path: 'errors.ts' }`. */
function placeOf(file) {
  if (file === undefined || !file.startsWith(packages + sep)) return undefined;
  const [name, kind, ...path] = file.slice(packages.length + 1).split(sep);
  return kind === 'src' || kind === 'dist' ? { name, kind, path: path.join('/') } : undefined;
}

/** What takes its place in a page, if something does. */
function replacementOf({ name, kind, path }) {
  const own = basename(path).replace(/\.[jt]s$/, '');
  if (path.startsWith('browser/')) return undefined;
  const isReplaced = existsSync(join(packages, name, 'src', 'browser', `${own}.ts`));
  const ending = kind === 'src' ? 'ts' : 'js';
  return isReplaced ? join(packages, name, kind, 'browser', `${own}.${ending}`) : undefined;
}

/** A file of core's for pages. While core itself is built, one of the build. */
function standIn(file, { name, kind } = { kind: 'src' }) {
  const isBuilt = name === 'core' && kind === 'dist';
  const folder = join(packages, 'core', isBuilt ? 'dist' : 'src', 'browser');
  return join(folder, `${file}.${isBuilt ? 'js' : 'ts'}`);
}

/** The file of an entry such as `@headrace/core/buffer`. */
function sourceOf(id) {
  const [, name, path] = /^@headrace\/([^/]+)(.*)$/.exec(id) ?? [];
  if (name === undefined) return undefined;
  const { exports } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
  return join(packages, name, exports[`.${path}`]['@headrace/source']);
}

/** The names that a module exports itself or passes on. */
function exportsOf(code, lang) {
  return parseAst(code, { lang }).body.flatMap((statement) => {
    const { type, exportKind, declaration, specifiers } = statement;
    if (type !== 'ExportNamedDeclaration' || exportKind === 'type') return [];
    if (declaration === null) {
      const values = specifiers.filter((one) => one.exportKind !== 'type');
      return values.map(({ exported }) => exported.name);
    }
    if (declaration.id) return [declaration.id.name];
    return declaration.declarations.map(({ id }) => id.name);
  });
}

/**
 * A plugin for rolldown and Vite.
 *
 * @param building - the package that is built, from what the compiler wrote; the others stay outside it. Left out, all
 * of Headrace becomes part of what is built, from source
 */
export function forBrowsers(building) {
  const found = (file) => {
    const place = placeOf(file);
    if (place === undefined) return file;
    const replaced = replacementOf(place);
    const servers = building === undefined ? [] : (SERVERS[place.name] ?? []);
    const patterns = [...(NODE_ONLY[place.name] ?? []), ...servers];
    const needsNode = patterns.some((one) => place.path.startsWith(one));
    return replaced ?? (needsNode ? `${file}?stub` : file);
  };
  return {
    name: 'for-browsers',
    enforce: 'pre',
    resolveId(id, importer) {
      const from = placeOf(importer);
      const isOfPackage = from !== undefined;
      if (id.startsWith('node:') && isOfPackage) {
        if (id === 'node:buffer' && ![undefined, 'core'].includes(building)) {
          return { id: '@headrace/core/buffer', external: true };
        }
        const file = standIn(id.replace(':', '-').replaceAll(/[/_]/g, '-'), from);
        if (existsSync(file)) return file;
        throw new Error(`${importer} imports ${id}, which no page has`);
      }
      if (id === 'eventemitter3' && isOfPackage) return EMITTER;
      if (id.startsWith('.') && isOfPackage) return found(resolve(dirname(importer), id));
      if (importer === undefined) return found(id);
      if (building === undefined && id.startsWith('@headrace/')) return found(sourceOf(id));
      return building !== undefined && PEERS.test(id) ? { id, external: true } : null;
    },
    load(id) {
      if (id === EMITTER) return emitterModule();
      if (!id.endsWith('?stub')) return null;
      const file = id.slice(0, -'?stub'.length);
      const names = exportsOf(readFileSync(file, 'utf8'), file.endsWith('.ts') ? 'ts' : 'js');
      const stubs = names.map(
        (name) => `export const ${name} = /*@__PURE__*/ onlyOnNode('${name}');`,
      );
      const made = standIn('only-on-node', placeOf(file));
      return [`import { onlyOnNode } from ${JSON.stringify(made)};`, ...stubs].join('\n');
    },
  };
}

/** A module of CommonJS as one of ES: it needs no loader, and a page whose channels have no events leaves it out. */
function emitterModule() {
  const code = readFileSync(EMITTER, 'utf8');
  return `export const EventEmitter = /*@__PURE__*/ (() => {
const module = {};
${code}
return module.exports;
})();`;
}

/** Node's globals, where a module uses them. */
export function browserGlobals(building) {
  const own = { name: building, kind: 'dist' };
  const isOutside = building !== undefined && building !== 'core';
  return {
    process: [standIn('node-globals', own), 'process'],
    setImmediate: [standIn('node-globals', own), 'setImmediate'],
    Buffer: [isOutside ? '@headrace/core/buffer' : standIn('node-buffer', own), 'Buffer'],
  };
}
