import { Buffer } from 'node:buffer';
import { OptionError } from '../errors.ts';

/** The ways to name a place, each with what may stand beside it. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  port: ['host', 'backlog', 'ipv6Only', 'localAddress', 'tls', 'transport'],
  path: ['backlog', 'replaceStale', 'readableAll', 'writableAll', 'tls', 'transport'],
  network: ['name', 'tls'],
  transport: ['tls', 'place'],
  listener: ['tls'],
};
/** What each call takes. */
const KINDS: Readonly<Record<'bind' | 'connect', readonly string[]>> = {
  bind: ['port', 'path', 'network', 'listener'],
  connect: ['port', 'path', 'network', 'transport'],
};

/** The longest path that fits a socket address; a longer one would be cut off silently. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103;

/** A place is a port, a path, a network and a name, or an object that is one: exactly one of them, and nothing that fits another. */
export function checkPlace(call: 'bind' | 'connect', target: object): void {
  const given = new Set(
    Object.entries(target).flatMap(([key, value]) => (value === undefined ? [] : [key])),
  );
  const kinds = KINDS[call].filter((kind) => given.has(kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const got = kinds.length > 1 ? kinds.join(' and ') : [...given].join(', ') || 'nothing';
    throw new OptionError(
      'OPTION_CONFLICT',
      `${call} needs exactly one of port, path, network with name, or ${KINDS[call][3]}, but got ${got}`,
    );
  }
  for (const key of given) {
    if (key === kind || PLACES[kind]!.includes(key)) continue;
    throw new OptionError('OPTION_CONFLICT', `${call}: ${key} makes no sense with ${kind}`, {
      option: key,
    });
  }
  if (kind === 'network') checkMemoryTarget(call, target as MemoryPlace);
}

interface MemoryPlace {
  readonly network: unknown;
  readonly name: unknown;
}

function checkMemoryTarget(call: string, { network, name }: MemoryPlace): void {
  const isNetwork = typeof (network as { listen?: unknown } | null)?.listen === 'function';
  if (isNetwork && typeof name === 'string' && name !== '') return;
  throw new OptionError(
    'OPTION_INVALID',
    `${call}: network must be a MemoryNetwork and name a text that is not empty`,
    { option: isNetwork ? 'name' : 'network' },
  );
}

/** Refuses a path that is empty or does not fit a socket address. */
export function checkPath(path: string): void {
  if (typeof path !== 'string' || path === '') {
    throw new OptionError(
      'OPTION_INVALID',
      `path is ${JSON.stringify(path)}, but must name a socket`,
      {
        option: 'path',
      },
    );
  }
  const bytes = Buffer.byteLength(path);
  if (process.platform === 'win32' || bytes <= LONGEST_PATH) return;
  throw new OptionError(
    'OPTION_INVALID',
    `path has ${bytes} bytes, but the system allows ${LONGEST_PATH}: ${path}; ` +
      'listen in a folder with a shorter name, or on a path relative to the working folder',
    { option: 'path', bytes, max: LONGEST_PATH },
  );
}
