import { Buffer } from 'node:buffer';
import { OptionError } from '../errors.ts';
import { checkNames, type OptionKinds, type OptionSet } from '../option/option-set.ts';

/** The options that can be given with each kind of place. The key is the option that names the kind. */
export type PlaceOptions = Readonly<Record<string, OptionSet<OptionKinds, string>>>;

/** Maximum length of a path in a socket address, in bytes. The system would cut off a longer path silently. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103;

/**
 * Checks that a target names exactly one place: a port, a path, a network and a name, or an object that is a place.
 * Options that belong to another kind of place are refused.
 *
 * @param call - name of the call: `bind` or `connect`
 * @param places - kinds of places that the call accepts
 */
export function checkPlace(call: string, target: object, places: PlaceOptions): void {
  checkNames(call, target, Object.assign({}, ...Object.values(places).map(({ known }) => known)));
  const given = new Set(
    Object.entries(target).flatMap(([key, value]) => (value === undefined ? [] : [key])),
  );
  const named = Object.keys(places).filter((kind) => given.has(kind));
  const kinds = named.join() === ON_HOST ? ['portNetwork'] : named;
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const got = kinds.length > 1 ? kinds.join(' and ') : [...given].join(', ') || 'nothing';
    const others = Object.keys(places).filter((one) => !COMMON_KINDS.includes(one));
    throw new OptionError(
      'OPTION_CONFLICT',
      `${call} needs exactly one of port, path, network with name or port, or ${others.join()}, but got ${got}`,
    );
  }
  for (const key of given) {
    if (Object.hasOwn(places[kind]!.known, key)) continue;
    throw new OptionError('OPTION_CONFLICT', `${call}: ${key} cannot be combined with ${kind}`, {
      option: key,
    });
  }
  if (kind === 'network') checkMemoryTarget(call, target as MemoryPlace);
  if (kind === 'portNetwork') checkPortNetwork(call, target as MemoryPlace);
  places[kind]!.part(target);
}

/** The options that name a port of a host in a network. */
const ON_HOST = 'port,network';
const COMMON_KINDS: readonly string[] = ['port', 'path', 'network', 'portNetwork'];

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

function checkPortNetwork(call: string, { network }: MemoryPlace): void {
  if (typeof (network as { listenOn?: unknown } | null)?.listenOn === 'function') return;
  throw new OptionError(
    'OPTION_INVALID',
    `${call}: with a port, network must be one that has ports (listenOn, connectTo); a MemoryNetwork has names`,
    { option: 'network' },
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
