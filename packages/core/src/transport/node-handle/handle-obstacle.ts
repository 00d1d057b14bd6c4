// The door to Node's handles: what is read of Node that its documentation does not have.
import type { NodeInternals, StreamHandle } from './stream-handle.ts';

/** The major versions of Node whose handles the tests use. */
export const KNOWN_MAJORS: readonly number[] = [20, 22, 24, 26];

/** The members of `process` that are read. A test passes its own object. */
export interface Platform {
  readonly version: string;
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly throwDeprecation?: boolean;
  readonly permission?: unknown;
  /** Returns Node's internals by name. Node's documentation marks it as deprecated. */
  readonly binding?: (name: string) => unknown;
}

export function isNode(platform: Platform): boolean {
  return otherRuntime(platform) === undefined;
}

function otherRuntime({ versions }: Platform): string | undefined {
  return ['bun', 'deno', 'electron'].find((other) => versions[other] !== undefined);
}

/**
 * Returns the reason why the internals of this Node may not be used; `undefined` if they may. The function calls
 * nothing for which Node could warn. Node reports its start flags, so their spelling and their place do not matter
 * (command line, `NODE_OPTIONS`, `node.config.json` or the options of a worker).
 */
export function obstacleOf(platform: Platform): string | undefined {
  const { version, versions } = platform;
  if (!isNode(platform)) return `this is ${otherRuntime(platform)}, not Node`;
  const major = Number.parseInt(versions['node'] ?? '', 10);
  if (!KNOWN_MAJORS.includes(major)) {
    return `Node ${version} is none of the versions that were tested: ${KNOWN_MAJORS.join(', ')}`;
  }
  if (platform.throwDeprecation === true) return 'deprecations throw (--throw-deprecation)';
  if (platform.permission !== undefined) return 'the permission model is on (--permission)';
  if (platform.binding === undefined || !isNodesOwn(platform.binding)) {
    return 'uses of internals are reported (--pending-deprecation)';
  }
  return undefined;
}

/**
 * Returns true for Node's real function. With pending deprecations, Node replaces the function by a wrapper that
 * warns and inherits from the real function.
 */
function isNodesOwn(binding: (name: string) => unknown): boolean {
  return binding.name === 'binding' && Object.getPrototypeOf(binding) === Function.prototype;
}

/** Returns the handle below a server or a socket of Node, whose public API has no member for it. */
export function handleBelow<Handle>(owner: object): Handle | null | undefined {
  return (owner as { readonly _handle?: Handle | null })._handle;
}

const METHODS = [
  'useUserBuffer',
  'readStart',
  'readStop',
  'writeBuffer',
  'writev',
  'shutdown',
  'close',
] as const satisfies readonly (keyof StreamHandle)[];

/** Returns Node's internals, or the reason why they are not as expected. */
export function internalsOf(platform: Platform): NodeInternals | string {
  const binding = platform.binding!;
  let internals: NodeInternals;
  try {
    internals = {
      stream: binding.call(platform, 'stream_wrap'),
      tcp: binding.call(platform, 'tcp_wrap'),
      pipe: binding.call(platform, 'pipe_wrap'),
    } as NodeInternals;
  } catch (thrown) {
    return `Node refuses its internals: ${String((thrown as Error).message)}`;
  }
  return areKnown(internals) ? internals : 'the internals of Node are not the ones we know';
}

function areKnown({ stream, tcp, pipe }: NodeInternals): boolean {
  return (
    stream.streamBaseState instanceof Int32Array &&
    typeof stream.kReadBytesOrError === 'number' &&
    typeof stream.kBytesWritten === 'number' &&
    typeof stream.kLastWriteWasAsync === 'number' &&
    typeof stream.WriteWrap === 'function' &&
    typeof stream.ShutdownWrap === 'function' &&
    typeof tcp.TCPConnectWrap === 'function' &&
    typeof tcp.constants?.SERVER === 'number' &&
    hasStreamMethods(tcp.TCP?.prototype) &&
    hasStreamMethods(pipe.Pipe?.prototype)
  );
}

/**
 * Returns true for a handle, or the prototype of a handle, with the methods of {@link StreamHandle} that all handles
 * have.
 */
export function hasStreamMethods<T extends object>(handle: T | null | undefined): handle is T {
  if (handle === undefined || handle === null) return false;
  return METHODS.every((name) => typeof Reflect.get(handle, name, {}) === 'function');
}
