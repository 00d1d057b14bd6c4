import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Peer } from './server-process.ts';

const servers: string = fileURLToPath(new URL('../servers/', import.meta.url));

/** A server of this folder, run by this Node from the built packages. */
export function nodePeer(name: string, file: string, more: Partial<Peer> = {}): Peer {
  return { name, command: [process.execPath, join(servers, file)], ...more };
}

/** The other way of accepting: sockets of Node's, by public API alone. */
export const ON_SOCKETS: Pick<Peer, 'name' | 'env'> = {
  name: 'headrace on sockets',
  env: { HEADRACE_PUBLIC_API_ONLY: '1' },
};

/** As {@link nodePeer}, with collections on demand. */
export function collectedPeer(name: string, file: string, more: Partial<Peer> = {}): Peer {
  const preload = fileURLToPath(new URL('../load/gc-on-signal.mjs', import.meta.url));
  const command = [process.execPath, '--expose-gc', '--import', preload, join(servers, file)];
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
