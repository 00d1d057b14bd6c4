import type { SocketOptions } from './socket-options.ts';

/** Where to listen. */
export type ListenTarget =
  | {
      /** 0 for one that the system chooses, see `server.port`. */
      readonly port: number;
      /** The address to listen on. @default all addresses, IPv6 and IPv4 */
      readonly host?: string;
      /** Connections that the system keeps until they are accepted. @default 511 */
      readonly backlog?: number;
      /** `host: '::'` takes no IPv4 connections. @default false */
      readonly ipv6Only?: boolean;
      /** In a worker of `node:cluster`: a socket of its own, not shared with the other workers. @default false */
      readonly exclusive?: boolean;
      /**
       * Several sockets, of this process or others, may listen on the port; the system spreads the connections
       * over them (`SO_REUSEPORT`). Node 22.12, 23.1 or newer; not on Windows and macOS. @default false
       */
      readonly reusePort?: boolean;
    }
  | {
      /** A Unix socket's file, or a named pipe on Windows. The file goes when the server closes. */
      readonly path: string;
      /** Connections that the system keeps until they are accepted. @default 511 */
      readonly backlog?: number;
      /** In a worker of `node:cluster`: a socket of its own, not shared with the other workers. @default false */
      readonly exclusive?: boolean;
      /**
       * Delete the socket file of a crashed program, if no process listens on it.
       * @default false
       */
      readonly replaceStale?: boolean;
      /** Every user may read from the socket. @default false: what the umask allows */
      readonly readableAll?: boolean;
      /** Every user may write to the socket. @default false: what the umask allows */
      readonly writableAll?: boolean;
    };

/** Socket options of accepted TCP connections, each of them set. */
export type AcceptedOptions = Required<SocketOptions>;
