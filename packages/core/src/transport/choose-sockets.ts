// The only file that chooses internals of runtimes. One rule for Node and Bun decides which connections a server
// accepts.
import { BUN_SOCKETS } from './bun/bun-sockets.ts';
import type { AcceptedOptions, ListenTarget } from './listen-target.ts';
import type { Listener, WantedTransport } from './listener.ts';
import { type NativeListen, type NativeSockets, nativeRefused } from './native-sockets.ts';
import { NODE_HANDLES } from './node-handle/node-handles.ts';
import { listenOnSocket } from './socket-source.ts';

export type Listen = (target: ListenTarget, options: AcceptedOptions) => Listener;

const ALL: readonly NativeSockets[] = [BUN_SOCKETS, NODE_HANDLES];

/** The self-checks. Each check is made once for the whole process. */
const checks = new WeakMap<NativeSockets, Promise<NativeListen | string>>();

/**
 * Chooses, for each bind, whether a server accepts its connections below the public sockets of the runtime. If these
 * connections are not available, the server uses public sockets. If the caller requested these connections
 * explicitly, the call rejects with an `OptionError`.
 */
export async function chooseSockets(
  wanted: WantedTransport,
  all: readonly NativeSockets[] = ALL,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Listen> {
  if (wanted === 'socket') return publicSockets('asked for');
  const native = all.find((one) => (wanted === 'auto' ? one.isHere() : one.kind === wanted));
  if (native === undefined) return publicSockets('the runtime is neither Node nor Bun');
  const isForbidden = env['HEADRACE_PUBLIC_API_ONLY'] === '1';
  const obstacle = isForbidden ? 'HEADRACE_PUBLIC_API_ONLY is 1' : native.obstacle();
  const found = obstacle ?? (await checked(native));
  if (typeof found !== 'string') {
    const why = `${native.runtime}, checked`;
    return (target, options) => found(target, options, why, wanted !== 'auto');
  }
  if (wanted !== 'auto') throw nativeRefused(native.kind, found);
  return publicSockets(found, !isForbidden);
}

/** @param isFallback - whether the runtime has other connections that are not available */
export function publicSockets(why: string, isFallback = false): Listen {
  const way = { kind: 'socket', why, isFallback } as const;
  return (target, options) => listenOnSocket(target, options, way);
}

function checked(native: NativeSockets): Promise<NativeListen | string> {
  const check = checks.get(native) ?? native.check();
  checks.set(native, check);
  return check;
}
