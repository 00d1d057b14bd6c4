// The members of Bun's global `Bun` that we use. Types only: nothing of Bun is imported, so that
// the package loads everywhere.

/** A connection of Bun's. Every call on a closed one does nothing. */
export interface BunSocket<Data> {
  data: Data;
  /** The system's descriptor; not in Bun's documents, and missing on Windows. */
  readonly fd?: number;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: string | undefined;
  /** How many bytes the kernel has taken, at once; negative if the connection takes no more. */
  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number;
  /** Ends our half. */
  shutdown(): void;
  /** Closes; bytes that the kernel has taken still arrive. Calls `close` within this call. */
  close(): void;
  /** Resets a TCP connection, closes another one. The callback `close` comes within the call. */
  terminate(): void;
  pause(): void;
  resume(): void;
  setNoDelay(on: boolean): boolean;
  setKeepAlive(on: boolean, initialDelayMs: number): boolean;
}

/** The callbacks that all connections of a listener share. */
export interface BunSocketHandlers<Data> {
  readonly binaryType: 'buffer';
  open(socket: BunSocket<Data>): void;
  /** The bytes are a copy of their own. */
  data(socket: BunSocket<Data>, bytes: Buffer): void;
  /** The kernel takes bytes again, perhaps; also comes unasked. */
  drain(socket: BunSocket<Data>): void;
  end(socket: BunSocket<Data>): void;
  close(socket: BunSocket<Data>, error?: Error): void;
  /** One of the callbacks threw. */
  error(socket: BunSocket<Data>, error: Error): void;
}

/** The server that `Bun.listen` returns. */
export interface BunServer {
  readonly port?: number;
  readonly hostname?: string;
  /** As in Node's handles; not in Bun's documents. */
  getsockname?(into: { address?: string; port?: number; family?: string }): unknown;
  stop(closeConnections: boolean): void;
}

/** Where `Bun.listen` listens, and how. */
export type BunListenOptions<Data> = (
  | {
      readonly hostname: string;
      readonly port: number;
      readonly exclusive?: boolean;
      readonly ipv6Only?: boolean;
      readonly reusePort?: boolean;
    }
  | { readonly unix: string; readonly exclusive?: boolean }
) & {
  readonly allowHalfOpen: true;
  /** Connections are paused when they come; not in Bun's documents. */
  readonly pauseOnConnect: true;
  readonly socket: BunSocketHandlers<Data>;
};

/** Where `Bun.connect` connects to. */
export interface BunConnectOptions<Data> {
  readonly hostname: string;
  readonly port: number;
  readonly allowHalfOpen: true;
  readonly socket: BunSocketHandlers<Data>;
}

/** Bun's sockets: its global `Bun`. */
export interface BunApi {
  readonly version: string;
  listen<Data>(options: BunListenOptions<Data>): BunServer;
  connect<Data>(options: BunConnectOptions<Data>): Promise<BunSocket<Data>>;
}
