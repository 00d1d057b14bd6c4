// What readers type, and the page that must come first: by the index that the site is built with, and by its engine.
import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { INTERNALS, MINI_SEARCH, sectionsOf } from '../../site/search.mjs';
import { ownModule } from '../own-project.ts';
import { filesBelow } from '../source-file.ts';
import { BASE } from './base.ts';

export interface Search {
  readonly words: string;
  /** The page that comes first: `guides/tls`. */
  readonly first: string;
  /** How many results a reader looks at, in place of the first one. */
  readonly within?: number;
}

/** What users of Netty, Socket.IO, ws and aedes type, five each. A reader looks at four results. */
const QUESTIONS: readonly Search[] = [
  ['event loop blocking work', 'concepts/threads-that-are-not-there'],
  ['idle connections', 'guides/heartbeat-and-idle'],
  ['embedded channel test', 'guides/testing-a-protocol-without-a-socket'],
  ['ByteBuf', 'coming-from/netty'],
  ['traffic shaping', 'handlers/'],
  ['acknowledgements', 'coming-from/socket-io'],
  ['namespaces', 'coming-from/socket-io'],
  ['send to one user', 'guides/cluster'],
  ['messages while offline', 'guides/clients'],
  ['redis adapter', 'guides/cluster'],
  ['ping pong', 'guides/web-sockets'],
  ['maxPayload', 'coming-from/ws'],
  ['upgrade existing http server', 'guides/on-the-same-port'],
  ['broadcast to all clients', 'guides/groups'],
  ['EADDRINUSE', 'troubleshooting'],
  ['last will', 'guides/mqtt'],
  ['retained messages', 'guides/mqtt'],
  ['wildcard topics', 'guides/mqtt'],
  ['mqtt over websocket', 'guides/mqtt'],
  ['keep alive', 'guides/mqtt'],
].map(([words, first]) => ({ words: words!, first: first!, within: 4 }));

export const SEARCHES: readonly Search[] = [
  ...QUESTIONS,
  { words: 'tutorial', first: 'tutorial/1-first-server' },
  { words: 'getting started', first: 'tutorial/1-first-server' },
  { words: 'first server', first: 'tutorial/1-first-server' },
  { words: 'reconnect', first: 'guides/clients' },
  { words: 'retry', first: 'guides/clients' },
  { words: 'wss', first: 'guides/web-sockets' },
  { words: 'graceful shutdown', first: 'guides/shutdown' },
  { words: 'which one do I need', first: 'which-one' },
  { words: 'test reconnect', first: 'guides/testing-a-protocol-without-a-socket' },
  { words: 'jwt', first: 'guides/auth' },
  { words: 'jwt authentication', first: 'guides/auth' },
  { words: 'vite', first: 'recipes/vite' },
  { words: 'vite proxy', first: 'recipes/vite' },
  { words: 'what happens to messages while offline', first: 'guides/clients' },
  { words: 'heartbeat', first: 'guides/heartbeat-and-idle' },
  { words: 'TLS client certificate', first: 'guides/tls' },
  { words: 'report a vulnerability', first: 'security' },
  { words: 'security policy', first: 'security' },
  { words: 'rate limit', first: 'recipes/rate-limits' },
  { words: 'unit test', first: 'guides/testing-a-protocol-without-a-socket' },
  { words: 'kubernetes', first: 'guides/kubernetes' },
  { words: 'health check', first: 'guides/kubernetes' },
  { words: 'default limits', first: 'limits' },
  { words: 'websocket', first: 'guides/web-sockets' },
  { words: 'back-pressure', first: 'concepts/back-pressure' },
  { words: 'slow consumer', first: 'guides/groups' },
  { words: 'broadcast', first: 'guides/groups' },
  { words: 'authentication', first: 'guides/auth' },
  { words: 'metrics prometheus', first: 'guides/observability' },
  { words: 'status command', first: 'guides/observability' },
  { words: 'load balancer', first: 'guides/load-balancer' },
  { words: 'sticky sessions', first: 'guides/behind-a-proxy' },
  { words: 'drain proxy', first: 'guides/load-balancer' },
  { words: 'nginx', first: 'guides/behind-a-proxy' },
  { words: 'redis cluster', first: 'guides/cluster' },
  { words: 'mqtt', first: 'guides/mqtt' },
  { words: 'udp', first: 'guides/datagrams' },
  { words: 'statsd', first: 'guides/datagrams' },
  { words: 'ngrok', first: 'guides/substreams' },
  { words: 'reverse tunnel', first: 'guides/substreams' },
  { words: 'STOMP heartbeat', first: 'guides/heartbeat-and-idle' },
  { words: 'request response', first: 'guides/calls' },
  { words: 'rpc', first: 'guides/calls' },
  { words: 'sequence number', first: 'guides/calls-in-a-given-protocol' },
  { words: 'own call format', first: 'guides/calls-in-a-given-protocol' },
  { words: 'HDLC', first: 'recipes/flags-escapes-and-checksums' },
  { words: 'escape byte', first: 'recipes/flags-escapes-and-checksums' },
  { words: 'CRC', first: 'api/@headrace/codec/checksum' },
  { words: 'file tail', first: 'guides/ship-a-log' },
  { words: 'protobuf', first: 'api/@headrace/codec/protobuf' },
  { words: 'browser client', first: 'guides/pages' },
  { words: 'too many connections refused', first: 'troubleshooting' },
  { words: 'ECONNRESET', first: 'troubleshooting' },
  { words: 'nestjs', first: 'guides/nestjs' },
  { words: 'express', first: 'guides/on-the-same-port' },
  { words: 'fastify', first: 'guides/on-the-same-port' },
  { words: 'memory per connection', first: 'capacity' },
  { words: 'a million connections', first: 'capacity' },
  { words: 'worst case in memory', first: 'security' },
  { words: 'bun', first: 'runtimes' },
  { words: 'netty', first: 'coming-from/netty' },
  { words: 'unix socket', first: 'recipes/unix-sockets' },
  { words: 'LengthFieldFrameDecoder', first: 'handlers/LengthFieldFrameDecoder' },
  { words: 'ServerBootstrap', first: 'api/@headrace/core/bootstrap' },
  { words: 'versions', first: 'versions' },
  { words: 'HR_ERR_FRAME_TOO_LONG', first: 'errors' },
  { words: 'error codes', first: 'errors' },
  { words: 'close reasons', first: 'concepts/life-of-a-channel' },
  { words: 'middleware', first: 'concepts/pipeline' },
  { words: 'unhandled error', first: 'concepts/errors-and-closing' },
  { words: 'brute force', first: 'guides/auth' },
  { words: 'kick older', first: 'guides/auth' },
  { words: 'throttling', first: 'recipes/rate-limits' },
  { words: 'PROXY protocol', first: 'guides/behind-a-proxy' },
  { words: 'STARTTLS', first: 'guides/tls' },
  { words: 'react', first: 'recipes/react-and-vue' },
  { words: 'vue', first: 'recipes/react-and-vue' },
  { words: 'chat page', first: 'recipes/a-chat-page-that-misses-nothing' },
  { words: 'missed messages page', first: 'recipes/a-chat-page-that-misses-nothing' },
  { words: 'JT/T 808', first: 'recipes/flags-escapes-and-checksums' },
  { words: 'presence', first: 'guides/cluster' },
  { words: 'sentinel', first: 'guides/cluster-reference' },
  { words: 'rolling restart', first: 'guides/workers' },
  { words: 'lasting channel', first: 'guides/lasting-channels' },
  { words: 'forged sender', first: 'guides/datagrams' },
  { words: 'publish from php', first: 'guides/publishing-from-any-language' },
  { words: 'openapi', first: 'guides/publishing-from-any-language' },
  { words: 'two copies', first: 'guides/bundlers-jest-commonjs' },
  { words: 'jest', first: 'guides/bundlers-jest-commonjs' },
  { words: 'webpack', first: 'guides/bundlers-jest-commonjs' },
  { words: 'grafana', first: 'guides/observability' },
  { words: 'opentelemetry', first: 'guides/observability' },
  { words: 'EMFILE', first: 'troubleshooting' },
  { words: 'process does not exit', first: 'troubleshooting' },
  { words: 'socket.io', first: 'packages/socket-io' },
  { words: 'glossary', first: 'glossary' },
  { words: 'upgrade', first: 'versions' },
];

interface Index {
  add(section: object): void;
  search(words: string, options: object): ReadonlyArray<{ readonly id: string }>;
}

/** Searches as the site does. `folder` has its pages, put together. */
export async function openSearch(
  root: string,
  folder: string,
): Promise<(words: string) => readonly string[]> {
  // The one that VitePress brings.
  const require = createRequire(
    realpathSync(await ownModule(root, 'site', 'vitepress/package.json')),
  );
  const { default: MiniSearch } = (await import(
    pathToFileURL(require.resolve('minisearch')).href
  )) as { default: new (options: object) => Index };
  const index = new MiniSearch({
    storeFields: ['title', 'titles'],
    ...MINI_SEARCH.options,
  });
  for (const file of filesBelow(folder, '.', ['.md'])) {
    const route = file.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '');
    for (const { anchor, text, titles } of sectionsOf(
      file,
      readFileSync(join(folder, file), 'utf8'),
    )) {
      const id = `${BASE}${route}${anchor === '' ? '' : `#${anchor}`}`;
      index.add({ id, text, title: titles.at(-1), titles: titles.slice(0, -1) });
    }
  }
  return (words) =>
    index.search(words, MINI_SEARCH.searchOptions).map(({ id }) => id.slice(BASE.length));
}

/** Searches that lead elsewhere first, and results that are no pages for users. */
export async function searchProblems(
  root: string,
  folder: string,
  searches: readonly Search[],
): Promise<string[]> {
  const search = await openSearch(root, folder);
  return searches.flatMap(({ words, first, within = 1 }) => {
    const found = search(words);
    const internal = found.find((id) => INTERNALS.test(id));
    const shown = found.slice(0, 5).join(', ');
    return [
      ...(found.slice(0, within).some((id) => id.split('#')[0] === first)
        ? []
        : [`"${words}" leads to ${shown}, but should lead to ${first} within ${within}`]),
      ...(internal === undefined ? [] : [`"${words}" leads to ${internal}, which is for authors`]),
    ];
  });
}
