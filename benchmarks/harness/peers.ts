import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Peer } from './server-process.ts';

const preload = (file: string): string =>
  fileURLToPath(new URL(`../load/${file}`, import.meta.url));
const servers: string = fileURLToPath(new URL('../servers/', import.meta.url));

/** A server of this folder, from the built packages. */
export function nodePeer(
  name: string,
  file: string,
  more: Partial<Peer> = {},
  node: string = process.execPath,
): Peer {
  return { name, command: [node, join(servers, file)], ...more };
}

/** As {@link nodePeer}; what V8 collects is counted. */
export function countedPeer(name: string, file: string): Peer {
  const command = [process.execPath, '--import', preload('gc-counts.mjs'), join(servers, file)];
  return { name, command, isCounted: true };
}

/** The same server with live objects in its heap; Netty's reads the same variable. */
export function withState(peer: Peer, megabytes: number): Peer {
  const NODE_OPTIONS = `--import ${pathToFileURL(preload('state.mjs')).href}`;
  return { ...peer, env: { ...peer.env, NODE_OPTIONS, STATE_MB: `${megabytes}` } };
}

/** The other way of accepting: sockets of Node's, by public API alone. */
export const ON_SOCKETS: Pick<Peer, 'name' | 'env'> = {
  name: 'headrace on sockets',
  env: { HEADRACE_PUBLIC_API_ONLY: '1' },
};

/** As {@link nodePeer}, with collections on demand. */
export function collectedPeer(name: string, file: string, more: Partial<Peer> = {}): Peer {
  const flags = ['--expose-gc', '--import', preload('gc-on-signal.mjs')];
  const command = [process.execPath, ...flags, join(servers, file)];
  return { name, command, ...more };
}

const JARS = '/usr/share/java';
const NEEDED = ['common', 'buffer', 'resolver', 'transport', 'codec', 'handler'];

/** The Netty peers, compiled; `undefined` where Java or Debian's libnetty-java are missing. */
export function nettyPeer(
  name: string,
  main: 'EchoPeer' | 'BroadcastPeer' | 'DatagramPeer',
): Peer | undefined {
  const jars = NEEDED.map((part) => `${JARS}/netty-${part}.jar`);
  if (!jars.every((jar) => existsSync(jar))) return undefined;
  if (spawnSync('javac', ['-version']).status !== 0) return undefined;
  const jctools = readdirSync(JARS).filter((file) => /^jctools-core(-[\d.]+)?\.jar$/.test(file));
  const path = [...jars, ...jctools.map((file) => join(JARS, file))];
  const classes = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'headrace-bench');
  mkdirSync(classes, { recursive: true });
  const source = join(servers, 'netty', `${main}.java`);
  execFileSync('javac', ['-nowarn', '-d', classes, '-cp', path.join(':'), source]);
  const command = ['java', '-XX:+UseSerialGC', '-cp', [...path, classes].join(':'), main];
  return { name, command };
}
