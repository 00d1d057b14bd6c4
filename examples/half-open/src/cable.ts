// Two machines and a switch as network namespaces of Linux, joined by cables that can be pulled.
import { execFileSync } from 'node:child_process';

const id = process.pid.toString(36);
const NAMES = { server: `ho-s-${id}`, client: `ho-c-${id}`, wire: `ho-w-${id}` } as const;

export const SERVER_ADDRESS = '10.98.0.1';
const CLIENT_ADDRESS = '10.98.0.2';

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

/** The words before a command that is to run on one of the machines. */
export function on(machine: 'server' | 'client'): string[] {
  return ['ip', 'netns', 'exec', NAMES[machine]];
}

/** Keepalive settings of the server's kernel that programs get if they name none, in seconds. */
export interface KernelKeepalive {
  readonly time: number;
  readonly intvl: number;
  readonly probes: number;
}

/** Lays the cables. Throws where `ip` or the rights for it are missing. */
export function lay(keepalive: KernelKeepalive): void {
  try {
    for (const name of Object.values(NAMES)) ip('netns', 'add', name);
  } catch (error) {
    throw new Error('cannot make network namespaces: this needs Linux, root and iproute2', {
      cause: error,
    });
  }
  ip('-n', NAMES.wire, 'link', 'add', 'switch', 'type', 'bridge');
  ip('-n', NAMES.wire, 'link', 'set', 'switch', 'up');
  plugIn(NAMES.server, 'port-s', `${SERVER_ADDRESS}/24`);
  plugIn(NAMES.client, 'port-c', `${CLIENT_ADDRESS}/24`);
  // As behind a router: the server's kernel does not ask for the client's hardware address again.
  fixNeighbor(NAMES.server, CLIENT_ADDRESS, NAMES.client);
  fixNeighbor(NAMES.client, SERVER_ADDRESS, NAMES.server);
  for (const [name, seconds] of Object.entries(keepalive)) {
    const setting = `net.ipv4.tcp_keepalive_${name}=${seconds}`;
    execFileSync('ip', ['netns', 'exec', NAMES.server, 'sysctl', '-q', '-w', setting]);
  }
}

/** From now on frames vanish in the switch, and nobody is told. */
export function cut(): void {
  ip('-n', NAMES.wire, 'link', 'set', 'port-c', 'nomaster');
}

/** Removes the machines. */
export function clear(): void {
  for (const name of Object.values(NAMES)) {
    try {
      execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' });
    } catch {
      // It was never made.
    }
  }
}

function plugIn(name: string, port: string, address: string): void {
  ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', port, 'netns', NAMES.wire);
  ip('-n', NAMES.wire, 'link', 'set', port, 'master', 'switch');
  ip('-n', NAMES.wire, 'link', 'set', port, 'up');
  ip('-n', name, 'address', 'add', address, 'dev', 'eth0');
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  ip('-n', name, 'link', 'set', 'lo', 'up');
}

function fixNeighbor(name: string, address: string, neighbor: string): void {
  const [link] = JSON.parse(ip('-j', '-n', neighbor, 'link', 'show', 'eth0')) as [
    { address: string },
  ];
  ip('-n', name, 'neigh', 'replace', address, 'lladdr', link.address, 'dev', 'eth0');
}
