import type { Server } from 'node:net';

/** What Node's own TCP and pipe objects, the ones below `net.Socket`, offer. Every call returns 0 or a negative error number. */
export interface StreamHandle {
  /** Ours: whom the callbacks are for. */
  owner: unknown;
  onread: (this: StreamHandle) => void;
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: HandleRequest, bytes: Uint8Array): number;
  writev(request: HandleRequest, buffers: readonly Uint8Array[], allBuffers: true): number;
  shutdown(request: HandleRequest): number;
  close(onClosed: (this: StreamHandle) => void): void;
  // TCP only.
  reset?(onClosed: (this: StreamHandle) => void): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, initialDelaySeconds: number): number;
  getpeername?(into: Partial<HandleAddress>): number;
  getsockname?(into: Partial<HandleAddress>): number;
}

export interface HandleAddress {
  readonly address: string;
  readonly port: number;
  readonly family: string;
}

/** A write or a shutdown that may end later. */
export interface HandleRequest {
  owner: unknown;
  oncomplete: ((this: HandleRequest, status: number) => void) | undefined;
  /** Keeps the bytes where they are until the kernel has them. */
  held: unknown;
}

/** What Node keeps beside its handles. */
export interface StreamInternals {
  readonly WriteWrap: new () => HandleRequest;
  readonly ShutdownWrap: new () => HandleRequest;
  /** The outcome of the last call, by the indices below. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** Node's internals of streams, if this Node has them where we know them. */
export const streamInternals: StreamInternals | undefined = findInternals();

/** The same on all systems. */
export const END_OF_INPUT: number = -4095;

/**
 * A socket of Node's is a stream on top of such a handle, and costs more than twice the memory and a third
 * more CPU per small message. The handle is not public API: it has been the same from Node 12 to 26, but if
 * any part is missing, or the user wants to hear of such uses, we do without.
 */
function findInternals(): StreamInternals | undefined {
  const { NODE_OPTIONS = '', NODE_PENDING_DEPRECATION, HEADRACE_PUBLIC_API_ONLY } = process.env;
  const flags = [...process.execArgv, ...NODE_OPTIONS.split(' ')];
  if (flags.includes('--pending-deprecation') || NODE_PENDING_DEPRECATION === '1') return undefined;
  if (HEADRACE_PUBLIC_API_ONLY === '1') return undefined;
  try {
    const binding = (
      process as unknown as { binding(name: string): Partial<StreamInternals> }
    ).binding('stream_wrap');
    const isKnown =
      typeof binding.WriteWrap === 'function' &&
      typeof binding.ShutdownWrap === 'function' &&
      binding.streamBaseState instanceof Int32Array &&
      typeof binding.kReadBytesOrError === 'number' &&
      typeof binding.kLastWriteWasAsync === 'number';
    return isKnown ? (binding as StreamInternals) : undefined;
  } catch {
    // Node's permission model forbids it.
    return undefined;
  }
}

const METHODS = [
  'useUserBuffer',
  'readStart',
  'readStop',
  'writeBuffer',
  'writev',
  'shutdown',
  'close',
] as const;

function isStreamHandle(handle: Partial<StreamHandle> | undefined): handle is StreamHandle {
  return (
    streamInternals !== undefined &&
    handle !== undefined &&
    typeof handle.writeQueueSize === 'number' &&
    METHODS.every((name) => typeof handle[name] === 'function')
  );
}

/** Of accepted TCP connections. */
export interface AcceptedOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMs: number;
}

/** There a connection has the options of the socket that listens: no five system calls for each. */
const INHERITS_OPTIONS = process.platform === 'linux';

function setOptions(handle: Partial<StreamHandle>, options: AcceptedOptions): void {
  if (options.noDelay) handle.setNoDelay?.(true);
  if (options.keepAlive)
    handle.setKeepAlive?.(true, Math.floor(options.keepAliveInitialDelayMs / 1000));
}

type OnConnection = (
  this: unknown,
  status: number,
  handle: Partial<StreamHandle> | undefined,
) => void;

interface ListeningHandle extends Partial<StreamHandle> {
  onconnection?: OnConnection;
}

/**
 * Takes a listening server's new connections before Node makes a `net.Socket` of each. What it cannot take
 * goes Node's way and comes as the server's `connection` event.
 */
export function takeConnections(
  server: Server,
  options: AcceptedOptions,
  take: (handle: StreamHandle) => void,
): void {
  const listening = (server as unknown as { _handle?: ListeningHandle })._handle;
  const nodes = listening?.onconnection;
  if (streamInternals === undefined || listening === undefined || typeof nodes !== 'function')
    return;
  if (INHERITS_OPTIONS) setOptions(listening, options);
  listening.onconnection = function (status, handle) {
    const isOurs = status === 0 && isStreamHandle(handle) && server.maxConnections === undefined;
    if (!isOurs) {
      nodes.call(this, status, handle);
      return;
    }
    if (!INHERITS_OPTIONS) setOptions(handle, options);
    take(handle);
  };
}
