// The members of Bun's global `Bun` that this folder uses. The file imports nothing of Bun.

/** A connection of Bun. Calls on a closed connection do nothing. */
export interface BunSocket<Data> {
  data: Data;
  /** The system's descriptor. The descriptor is not in Bun's documentation, and is missing on Windows. */
  readonly fd?: number;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: string | undefined;
  /**
   * Returns the number of bytes that the kernel has accepted, or a negative number if the connection accepts no more
   * bytes.
   */
  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number;
  shutdown(): void;
  /**
   * Closes the connection. Bytes that the kernel has accepted still arrive. The callback `close` is called within
   * this call.
   */
  close(): void;
  /** Resets a TCP connection, and closes any other connection. The callback `close` is called within this call. */
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
  /** Called with bytes that were read, as a separate copy. */
  data(socket: BunSocket<Data>, bytes: Buffer): void;
  /** Called when the kernel may accept bytes again, and also without a preceding write. */
  drain(socket: BunSocket<Data>): void;
  end(socket: BunSocket<Data>): void;
  close(socket: BunSocket<Data>, error?: Error): void;
  /** Called when another callback threw. */
  error(socket: BunSocket<Data>, error: Error): void;
}

export interface BunServer {
  readonly port?: number;
  readonly hostname?: string;
  /** Works like the method of Node's handles. Bun's documentation does not contain the method. */
  getsockname?(into: { address?: string; port?: number; family?: string }): unknown;
  stop(closeConnections: boolean): void;
}

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
  /** Whether connections are paused when they arrive. The option is not in Bun's documentation. */
  readonly pauseOnConnect: true;
  readonly socket: BunSocketHandlers<Data>;
};

export interface BunConnectOptions<Data> {
  readonly hostname: string;
  readonly port: number;
  readonly allowHalfOpen: true;
  readonly socket: BunSocketHandlers<Data>;
}

export interface BunApi {
  readonly version: string;
  listen<Data>(options: BunListenOptions<Data>): BunServer;
  connect<Data>(options: BunConnectOptions<Data>): Promise<BunSocket<Data>>;
}
