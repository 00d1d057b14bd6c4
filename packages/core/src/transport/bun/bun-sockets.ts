// The one way to Bun's own sockets: whether a server may take its connections from `Bun.listen`.
import { OptionError } from '../../errors.ts';
import { checkPair, failedBy, within } from '../pair-check.ts';
import type { BunApi, BunServer, BunSocket } from './bun-api.ts';
import { BUN_HANDLERS, BunTransport } from './bun-transport.ts';

/** What takes the connections, and why. */
export interface BunChoice {
  /** `undefined`: every connection comes as a socket of `node:net`. */
  readonly api: BunApi | undefined;
  readonly why: string;
}

/** What is asked of `process`; a test passes its own. */
export interface BunPlatform {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly versions: Readonly<Record<string, string | undefined>>;
}

/** The first version whose sockets the trials ran on, and those after it. */
const FIRST_KNOWN: readonly [major: number, minor: number] = [1, 4];
const LOOPBACK = '127.0.0.1';

/** One self-check serves the whole process. */
let checked: Promise<BunChoice> | undefined;

/** True where Bun runs us. */
export function isBun(): boolean {
  return process.versions['bun'] !== undefined;
}

/**
 * Whether a server may take its connections from `Bun.listen`, asked when it binds. Throws an `OptionError` where
 * they are asked for and cannot be had.
 */
export async function bunSockets(wanted: 'auto' | 'bun'): Promise<BunChoice> {
  const { Bun: api } = globalThis as { readonly Bun?: BunApi };
  const obstacle = obstacleOf(process as BunPlatform, api);
  if (obstacle === undefined) checked ??= check(api!);
  const choice = obstacle === undefined ? await checked! : { api: undefined, why: obstacle };
  if (wanted === 'bun' && choice.api === undefined) throw bunRefused(choice.why);
  return choice;
}

/** @param why - the obstacle, in words */
export function bunRefused(why: string): OptionError {
  return new OptionError(
    'OPTION_CONFLICT',
    `bind: transport 'bun' cannot be had: ${why}; leave the option out to take what can be had`,
    { option: 'transport', why },
  );
}

/** Why Bun's sockets may not be used; `undefined` if they may. */
export function obstacleOf(platform: BunPlatform, api: BunApi | undefined): string | undefined {
  const { env, versions } = platform;
  const version = versions['bun'];
  if (version === undefined) return 'this is not Bun';
  if (env['HEADRACE_PUBLIC_API_ONLY'] === '1') return 'HEADRACE_PUBLIC_API_ONLY is 1';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < FIRST_KNOWN[0] || (major === FIRST_KNOWN[0] && minor < FIRST_KNOWN[1]);
  if (isOld) return `Bun ${version} is older than ${FIRST_KNOWN.join('.')}, the first one tested`;
  if (typeof api?.listen !== 'function' || typeof api.connect !== 'function') {
    return 'there is no Bun.listen and Bun.connect';
  }
  return undefined;
}

async function check(api: BunApi): Promise<BunChoice> {
  // Not imported: nothing of a cluster is loaded where nobody listens.
  const { default: cluster } = await import('node:cluster');
  if (cluster.isWorker) {
    return { api: undefined, why: 'a worker of node:cluster gets its sockets from the primary' };
  }
  const why = await checkSockets(api);
  if (why !== undefined) return { api: undefined, why };
  return { api, why: `Bun ${api.version}, checked` };
}

/**
 * Connects two of Bun's sockets and sends bytes through them in every way that connections do. Resolves with what is
 * wrong, or with `undefined`; takes some milliseconds.
 */
export async function checkSockets(api: BunApi, limitMs = 5000): Promise<string | undefined> {
  let server: BunServer | undefined;
  const sockets: BunSocket<BunTransport | undefined>[] = [];
  try {
    const connecting = connectPair(api, sockets, (listening) => {
      server = listening;
    });
    const pair = await within(limitMs, connecting);
    server?.stop(false);
    return await checkPair(pair, limitMs);
  } catch (thrown) {
    for (const socket of sockets) socket.terminate();
    return failedBy(thrown);
  } finally {
    server?.stop(false);
  }
}

function connectPair(
  api: BunApi,
  sockets: BunSocket<BunTransport | undefined>[],
  listens: (server: BunServer) => void,
): Promise<[BunTransport, BunTransport]> {
  return new Promise((resolve, reject) => {
    let near: BunTransport | undefined;
    const accepted: BunTransport[] = [];
    const done = (): void => {
      const far = accepted.find((one) => portOf(one.remoteAddress) === portOf(near?.localAddress));
      if (near === undefined || far === undefined) return;
      // Somebody else of this machine may have found the port, too.
      for (const other of accepted) if (other !== far) other.abort();
      resolve([near, far]);
    };
    const server = api.listen<BunTransport | undefined>({
      hostname: LOOPBACK,
      port: 0,
      allowHalfOpen: true,
      pauseOnConnect: true,
      socket: {
        ...BUN_HANDLERS,
        open(socket) {
          sockets.push(socket);
          accepted.push(new BunTransport(socket, true));
          done();
        },
      },
    });
    listens(server);
    const connecting = api.connect<BunTransport | undefined>({
      hostname: LOOPBACK,
      port: server.port ?? 0,
      allowHalfOpen: true,
      socket: {
        ...BUN_HANDLERS,
        open(socket) {
          sockets.push(socket);
          near = new BunTransport(socket, false);
          done();
        },
      },
    });
    connecting.catch(reject);
  });
}

function portOf(address: BunTransport['localAddress']): number | undefined {
  return address !== undefined && 'port' in address ? address.port : undefined;
}
