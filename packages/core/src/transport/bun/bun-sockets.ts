// Bun's own sockets: checks whether a server may accept its connections from `Bun.listen`.
import { AcceptingListener } from '../accepting-listener.ts';
import type { AcceptedOptions, ListenTarget } from '../listen-target.ts';
import type { Listener } from '../listener.ts';
import type { NativeListen, NativeSockets } from '../native-sockets.ts';
import { connectAndCheck } from '../pair-check.ts';
import { keepAliveSetter } from '../socket-options.ts';
import { StaleSocketFile } from '../stale-socket.ts';
import type { BunApi } from './bun-api.ts';
import { BunSource } from './bun-source.ts';
import { BUN_HANDLERS, BunTransport } from './bun-transport.ts';

/** The members of `process` that are read. A test passes its own object. */
export interface BunPlatform {
  readonly versions: Readonly<Record<string, string | undefined>>;
}

/** The first Bun version whose sockets were tested. Later versions are accepted. */
const FIRST_KNOWN: readonly [major: number, minor: number] = [1, 4];
const LOOPBACK = '127.0.0.1';

const here = {
  platform: process as BunPlatform,
  get api(): BunApi | undefined {
    return (globalThis as { readonly Bun?: BunApi }).Bun;
  },
};

export const BUN_SOCKETS: NativeSockets = {
  kind: 'bun',
  runtime: `Bun ${here.platform.versions['bun']}`,
  isHere: () => here.platform.versions['bun'] !== undefined,
  obstacle: () => obstacleOf(here.platform, here.api),
  check: () => check(here.api!),
};

/** Returns the reason why Bun's sockets may not be used; `undefined` if they may. */
export function obstacleOf({ versions }: BunPlatform, api: BunApi | undefined): string | undefined {
  const version = versions['bun'];
  if (version === undefined) return 'this is not Bun';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < FIRST_KNOWN[0] || (major === FIRST_KNOWN[0] && minor < FIRST_KNOWN[1]);
  if (isOld) return `Bun ${version} is older than ${FIRST_KNOWN.join('.')}, the first one tested`;
  if (typeof api?.listen !== 'function' || typeof api.connect !== 'function') {
    return 'there is no Bun.listen and Bun.connect';
  }
  return undefined;
}

async function check(api: BunApi): Promise<NativeListen | string> {
  // A dynamic import, so that a process that does not listen does not load `node:cluster`.
  const { default: processes } = await import('node:cluster');
  if (processes.isWorker) return 'a worker of node:cluster gets its sockets from the primary';
  const wrong = await checkSockets(api);
  if (wrong !== undefined) return wrong;
  return (target, options, why) => listenOnBun(api, target, options, why);
}

export function listenOnBun(
  api: BunApi,
  target: ListenTarget,
  options: AcceptedOptions,
  why: string,
): Listener {
  // Bun's own sockets do not support probes: this call throws if probes are requested.
  if ('port' in target) keepAliveSetter(options, false);
  const source = new BunSource(api, target, options, why);
  return new AcceptingListener(source, new StaleSocketFile(target));
}

/**
 * Connects two of Bun's sockets and sends bytes through the sockets in every way that connections use. Resolves with
 * the fault, or with `undefined`, after some milliseconds.
 */
export function checkSockets(api: BunApi, limitMs = 5000): Promise<string | undefined> {
  return connectAndCheck((opened) => connectPair(api, opened), limitMs);
}

function connectPair(
  api: BunApi,
  opened: (close: () => void) => void,
): Promise<[BunTransport, BunTransport]> {
  return new Promise((resolve, reject) => {
    let near: BunTransport | undefined;
    const accepted: BunTransport[] = [];
    const done = (): void => {
      const far = accepted.find((one) => portOf(one.remoteAddress) === portOf(near?.localAddress));
      if (near === undefined || far === undefined) return;
      // Another program of this machine may have connected to the port, too.
      for (const other of accepted) if (other !== far) other.abort();
      server.stop(false);
      resolve([near, far]);
    };
    const options = { hostname: LOOPBACK, allowHalfOpen: true } as const;
    const server = api.listen<BunTransport | undefined>({
      ...options,
      port: 0,
      pauseOnConnect: true,
      socket: {
        ...BUN_HANDLERS,
        open(socket) {
          opened(() => socket.terminate());
          accepted.push(new BunTransport(socket, true));
          done();
        },
      },
    });
    opened(() => server.stop(false));
    const connecting = api.connect<BunTransport | undefined>({
      ...options,
      port: server.port ?? 0,
      socket: {
        ...BUN_HANDLERS,
        open(socket) {
          opened(() => socket.terminate());
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
