// Debian packages that tests use. What a machine without them skips, a run of CI never skips.
import { run } from '../program.ts';
import { root } from '../workspace.ts';

/** For the smoke tests. */
export const FOR_THE_GATE: readonly string[] = [
  'chromium',
  'default-jdk-headless',
  'haproxy',
  'libnetty-java',
  'nats-server',
  'openssl',
  'redis-server',
];

/** For the heavy tests. */
export const FOR_EVERYTHING: readonly string[] = [
  ...FOR_THE_GATE,
  'curl',
  'firefox-esr',
  'g++',
  'gcc',
  'golang-github-hashicorp-yamux-dev',
  'golang-go',
  'inetutils-telnet',
  'iproute2',
  'iptables',
  'memcached',
  'mosquitto',
  'mosquitto-clients',
  'microsocks',
  'nginx-light',
  'nutcracker',
  'php-cli',
  'php-memcached',
  'prometheus',
  'python3',
  'python3-protobuf',
  'python3-socketio',
  'python3-websocket',
  'redis-sentinel',
  'redis-tools',
  'strace',
  'tinyproxy',
  'tshark',
];

async function isMissing(name: string): Promise<boolean> {
  const { stdout } = await run('dpkg-query', ['-s', name], root);
  return !/^Status: install ok installed$/m.test(stdout);
}

/** Installs what is missing, with an update of the lists only where it is needed; throws with apt's words. */
export async function installPackages(wanted: readonly string[]): Promise<string> {
  const missing: string[] = [];
  for (const name of wanted) if (await isMissing(name)) missing.push(name);
  if (missing.length === 0) return `${wanted.length} packages are there`;
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const apt = (...args: string[]) => {
    const line = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', '-q', ...args];
    return run(line[0]!, line.slice(1), root);
  };
  const install = () => apt('install', '--no-install-recommends', ...missing);
  let outcome = await install();
  if (!outcome.ok) {
    await apt('update');
    outcome = await install();
  }
  if (!outcome.ok) {
    const words = outcome.output.split('\n').slice(-30).join('\n');
    throw new Error(`environment: cannot install ${missing.join(' ')}\n${words}`);
  }
  return `installed ${missing.join(' ')}`;
}
