import type { SocketOptions } from './socket-options.ts';

/** A place to listen on. */
export type ListenTarget =
  | {
      /** Port to listen on. With 0 the system chooses a free port, see `server.port`. */
      readonly port: number;
      /** Address to listen on. @default all addresses, IPv6 and IPv4 */
      readonly host?: string;
      /** Maximum number of connections that the system keeps until they are accepted. @default 511 */
      readonly backlog?: number;
      /** Whether `host: '::'` refuses IPv4 connections. @default false */
      readonly ipv6Only?: boolean;
      /**
       * Whether a worker of `node:cluster` has a socket of its own, not shared with the others.
       * @default false
       */
      readonly exclusive?: boolean;
      /**
       * Whether several sockets, of this process or others, can listen on the port. The system spreads the
       * connections over the sockets (`SO_REUSEPORT`). The option needs Node 22.12, 23.1 or newer. The option is not
       * available on Windows and macOS.
       * @default false
       */
      readonly reusePort?: boolean;
    }
  | {
      /**
       * Path of a Unix socket's file, or name of a named pipe on Windows. The file is deleted when the server closes.
       */
      readonly path: string;
      /** Maximum number of connections that the system keeps until they are accepted. @default 511 */
      readonly backlog?: number;
      /**
       * Whether a worker of `node:cluster` has a socket of its own, not shared with the others.
       * @default false
       */
      readonly exclusive?: boolean;
      /** Whether the socket file of a crashed program is deleted, if no process listens on it. @default false */
      readonly replaceStale?: boolean;
      /** Whether every user can read from the socket. @default false: what the umask allows */
      readonly readableAll?: boolean;
      /** Whether every user can write to the socket. @default false: what the umask allows */
      readonly writableAll?: boolean;
    };

/** The socket options of accepted TCP connections. Each option is set. */
export type AcceptedOptions = Required<SocketOptions>;
