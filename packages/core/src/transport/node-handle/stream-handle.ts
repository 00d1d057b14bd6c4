// Node's objects below `net.Socket`, as far as this folder uses them. The file contains types only. No object is
// public API.

/** Node's own TCP and pipe objects. Every call returns 0 or a negative error number. */
export interface StreamHandle {
  /** The object for the callbacks. Only this folder uses the field. */
  owner: unknown;
  onread: (this: StreamHandle) => void;
  /** The system's descriptor; -1 or missing on Windows. */
  readonly fd?: number;
  /** Total number of bytes that the kernel has given to this handle. */
  readonly bytesRead: number;
  /** Number of bytes that the kernel has not accepted yet, as libuv counts them. */
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
  /** Sets keepalive. An older Node ignores the parameters after the initial delay. */
  setKeepAlive?(
    on: boolean,
    initialDelaySeconds: number,
    intervalSeconds: number,
    count: number,
  ): number;
  getpeername?(into: Partial<HandleAddress>): number;
  getsockname?(into: Partial<HandleAddress>): number;
}

export interface HandleAddress {
  readonly address: string;
  readonly port: number;
  readonly family: string;
}

export interface ListeningHandle extends StreamHandle {
  onconnection: (this: unknown, status: number, handle: StreamHandle | undefined) => void;
}

/** A write or a shutdown that can end later. */
export interface HandleRequest {
  /** The object for the completion, while a completion is expected. Only this folder uses the field. */
  owner: unknown;
  oncomplete: (this: HandleRequest, status: number, handle?: StreamHandle) => void;
  /** The bytes, which stay in memory until the kernel has them. Only this folder uses the field. */
  held: unknown;
}

/** Node's `stream_wrap`: the state that all its streams share. */
export interface StreamInternals {
  readonly WriteWrap: new () => HandleRequest;
  readonly ShutdownWrap: new () => HandleRequest;
  /** The result of the last call, by the indices below. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
}

/** Node's `tcp_wrap`. */
export interface TcpInternals {
  readonly TCP: new (kind: number) => TcpHandle;
  readonly TCPConnectWrap: new () => HandleRequest;
  readonly constants: { readonly SOCKET: number; readonly SERVER: number };
}

/** Node's `pipe_wrap`: Unix sockets and named pipes. */
export interface PipeInternals {
  readonly Pipe: new (kind: number) => StreamHandle;
}

/** A TCP handle that this package makes. */
export interface TcpHandle extends ListeningHandle {
  bind(address: string, port: number, flags: number): number;
  listen(backlog: number): number;
  connect(request: HandleRequest, address: string, port: number): number;
}

/** All of Node's internals that this package uses. */
export interface NodeInternals {
  readonly stream: StreamInternals;
  readonly tcp: TcpInternals;
  readonly pipe: PipeInternals;
}

/** Count of bytes read that means the end of the input. The number is the same on all systems. */
export const END_OF_INPUT: number = -4095;
