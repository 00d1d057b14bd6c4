import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { missing, type Program, peer, system, until } from './program.ts';

const NAME = 'oicq-beats';
const PEER = 'oicq-beats.py';
const SERVER = '10.97.1.1';
const LIFETIME_S = 4;
const MIN_MS = 1000;
const SEEN = '/proc/sys/net/netfilter/nf_conntrack_udp_timeout';

const id = process.pid.toString(36);
const [inside, router, outside] = ['i', 'r', 'o'].map((one) => `hr-${one}-${id}`) as [
  string,
  string,
  string,
];
const on = (machine: string): string[] => ['ip', 'netns', 'exec', machine];
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const link = (left: string, right: string, name: string): void => {
  run('ip', 'link', 'add', name, 'netns', left, 'type', 'veth', 'peer', name, 'netns', right);
};
const address = (machine: string, name: string, own: string): void => {
  run('ip', '-n', machine, 'address', 'add', `${own}/24`, 'dev', name);
  run('ip', '-n', machine, 'link', 'set', name, 'up');
};

function clear(): void {
  for (const machine of [inside, router, outside]) {
    try {
      run('ip', 'netns', 'delete', machine);
    } catch {
      // It was never made.
    }
  }
}

/** A client's machine behind a router that forgets mappings after LIFETIME_S, and a server's. */
function lay(...masquerade: string[]): void {
  for (const machine of [inside, router, outside]) run('ip', 'netns', 'add', machine);
  link(inside, router, 'home');
  link(router, outside, 'world');
  address(inside, 'home', '10.97.0.2');
  address(router, 'home', '10.97.0.1');
  address(router, 'world', '10.97.1.254');
  address(outside, 'world', SERVER);
  // The other client is on the server's machine.
  run('ip', '-n', outside, 'link', 'set', 'lo', 'up');
  run('ip', '-n', inside, 'route', 'add', 'default', 'via', '10.97.0.1');
  const inRouter = (...words: string[]): string => run('ip', 'netns', 'exec', router, ...words);
  inRouter('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
  const nat = ['iptables', '-w', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'world'];
  inRouter(...nat, '-j', 'MASQUERADE', ...masquerade);
  for (const name of ['udp_timeout', 'udp_timeout_stream']) {
    inRouter('sysctl', '-q', '-w', `net.netfilter.nf_conntrack_${name}=${LIFETIME_S}`);
  }
  // Answers to mappings that are forgotten end in the router.
  inRouter('test', '-e', SEEN);
}

/** What this machine lacks for a NAT, as the end of a title. */
function lacks(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return ' (skipped: needs root on Linux)';
  for (const [tool, debian] of [
    ['ip', 'iproute2'],
    ['iptables', 'iptables'],
  ]) {
    const folders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];
    if (!folders.some((folder) => existsSync(`${folder}/${tool}`)))
      return ` (skipped: needs ${tool}: apt-get install ${debian})`;
  }
  try {
    lay();
    return '';
  } catch (error) {
    const why = String((error as { stderr?: string }).stderr || error).trim();
    return ` (skipped: no namespaces or no connection tracking: ${why.split('\n')[0]})`;
  } finally {
    clear();
  }
}

const LACKS = lacks();
const PYTHON = missing(PEER);
afterEach(clear);

/** The search of a client is over once it has found twice that nothing is longer. */
async function found(client: Program): Promise<number> {
  const alive = (): number[] => numbers(client, /^a mapping lives for (\d+) ms$/);
  await until(() => numbers(client, /^no mapping after (\d+) ms$/).length > 0, 'a lost mapping');
  const losses = client.lines.length;
  await until(() => client.lines.length >= losses + 3, 'what follows');
  return Math.max(...alive());
}

function numbers({ lines }: Program, pattern: RegExp): number[] {
  return lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number);
}

describe.skipIf(LACKS !== '')(`a client behind a NAT of Linux's${LACKS}`, () => {
  it.each([
    ['the same port', []],
    ['another port', ['--random-fully']],
  ])(
    'finds how long a mapping lives, where the next one has %s, and is reached',
    async (_how, masquerade) => {
      lay(...masquerade);
      const server = system(NAME, 'server', { HOST: SERVER }, on(outside));
      const port = await server.port();
      const env = { HOST: SERVER, PORT: port, INTERVAL_MS: MIN_MS };
      const client = system(NAME, 'client', env, on(inside));
      await server.says(/^\d+ is there$/);
      const safe = await found(client);
      // A second less or more is the timer of the kernel.
      expect(safe).toBeGreaterThanOrEqual((LIFETIME_S - 2) * 1000);
      expect(safe).toBeLessThanOrEqual((LIFETIME_S + 1) * 1000);
      expect(Math.max(...numbers(client, /^no mapping after (\d+) ms$/))).toBeGreaterThan(safe);

      // Somebody outside writes to it, through the mapping of its last beat.
      const other = system(NAME, 'client', env, on(outside));
      await server.says(new RegExp(`^${other.child.pid} is there$`));
      const to = client.child.pid;
      for (let i = 1; i <= 10 && !client.output.includes('FROM'); i++) {
        other.type(`TO ${to} hello ${i}\n`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      await client.says(new RegExp(`^FROM ${other.child.pid} hello \\d+$`));
    },
  );
});

describe.skipIf(PYTHON !== '')(`Python${PYTHON}`, () => {
  it('is reached through our server, and our client through its', async () => {
    const server = system(NAME, 'server');
    const port = await server.port();
    const clients = ['10001', '10002'].map((own) => peer(PEER, ['client', '127.0.0.1', port, own]));
    await Promise.all(clients.map((client) => client.says(/^OK 127/)));
    clients[0]!.type('TO 10002 hello\n');
    await clients[1]!.says(/^FROM 10001 hello$/);

    const theirs = peer(PEER, ['server', '127.0.0.1', 0]);
    const env = { PORT: await theirs.port(), INTERVAL_MS: 100 };
    const ours = system(NAME, 'client', env);
    await theirs.says(new RegExp(`^${ours.child.pid} is there$`));
    await ours.says(/^a mapping lives for 200 ms$/);
  });
});
