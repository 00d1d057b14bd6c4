// The work whose cost is counted. A name says it all: connections × messages at once × bytes.
import type { Peer } from '../harness/server-process.ts';

/** What `counted-load.mjs` does with a server. */
export interface Load {
  readonly work: 'echo' | 'broadcast' | 'accept' | 'idle' | 'take' | 'peers';
  readonly connections: number;
  readonly depth?: number;
  readonly bytes?: number;
}

export interface Row {
  readonly name: string;
  /** Of `servers/`, with a load beside it; or of `load/`, where both ends are in one process. */
  readonly program: string;
  readonly protocol?: Peer['protocol'];
  /** A server of `servers/` that this one connects to; its port comes before `rest`. */
  readonly target?: string;
  /** The program's last arguments; of a server those after its host. */
  readonly rest?: readonly string[];
  readonly load?: Load;
  /** Messages, or whatever else is counted, of one round. */
  readonly each: number;
  /** In the window; a quarter of it warms up. */
  readonly rounds: number;
  /** `kept`: what the rounds leave after a collection. @default memory */
  readonly window?: 'memory' | 'kept';
  /** With V8's threads, as a program runs: its full collections are compared, which depend on them, and nothing else. */
  readonly threads?: boolean;
  /** MB of live objects in the heap. */
  readonly state?: number;
  /** So large that it does not come as it was sent: what varies is compared with more tolerance, calls are not. */
  readonly isRough?: boolean;
}

const KIB = 1024;
/** A frame of at most 1 MiB with its header, as the servers allow it. */
const MIB = KIB * KIB - 4;
const FRAME_LIMIT = 16 * KIB * KIB;

/** With the header of 4 bytes. */
function inMib(bytes: number): string {
  return bytes < MIB ? `${bytes}` : `${(bytes + 4) / (KIB * KIB)} MiB`;
}

export function echo(
  depth: number,
  bytes: number,
  messages: number,
  more: Partial<Row> & { readonly title?: string; readonly connections?: number } = {},
): Row {
  const { title = 'echo', connections = 32, ...row } = more;
  const each = connections * depth;
  return {
    name: `${title} ${connections} × ${depth} × ${inMib(bytes)}`,
    program: 'echo.mjs',
    load: { work: 'echo', connections, depth, bytes },
    each,
    rounds: Math.ceil(messages / each),
    ...row,
  };
}

const texts = { title: 'text echo', program: 'echo-text.mjs' } as const;
const tls = { title: 'TLS echo', program: 'tls.mjs', protocol: 'tls' } as const;
const ws = { title: 'WebSocket echo', program: 'websocket.mjs', protocol: 'ws' } as const;
const wsTexts = { ...ws, title: 'WebSocket text echo', protocol: 'ws-text' } as const;
const lasting = {
  title: 'lasting echo',
  program: 'echo-lasting.mjs',
  protocol: 'lasting',
} as const;
const datagrams = {
  title: 'datagram echo',
  program: 'datagram.mjs',
  protocol: 'datagrams',
} as const;
const threads = {
  title: 'collections of echo',
  connections: 50,
  threads: true,
  state: 40,
} as const;

const relay = { title: 'relay', program: 'relay.mjs', target: 'echo-net-data.mjs' } as const;

function broadcast(name: string, connections: number, more: Partial<Row>): Row {
  const load = { work: 'broadcast', connections, bytes: 100 } as const;
  const title = `${name} of 100 to ${connections}`;
  return { name: title, program: 'broadcast.mjs', load, each: connections, rounds: 100, ...more };
}

export const ROWS: readonly Row[] = [
  echo(1, 64, 20_000),
  echo(16, 64, 80_000),
  echo(64, 64, 160_000),
  echo(1, KIB, 20_000),
  echo(16, KIB, 60_000),
  echo(1, 4 * KIB, 16_000),
  echo(4, 4 * KIB, 32_000),
  echo(1, 16 * KIB, 8000),
  echo(4, 16 * KIB, 8000, { isRough: true }),
  echo(1, 64 * KIB, 2400, { isRough: true }),
  echo(4, 64 * KIB, 2400, { isRough: true }),
  echo(1, MIB, 240, { connections: 4, isRough: true }),
  echo(1, FRAME_LIMIT - 4, 16, { connections: 2, rest: [`${FRAME_LIMIT}`], isRough: true }),
  echo(16, KIB, 200_000, threads),
  echo(4, 4 * KIB, 60_000, threads),
  echo(4, 16 * KIB, 16_000, threads),
  echo(1, 64 * KIB, 4000, threads),
  echo(1, 64, 16_000, texts),
  echo(16, KIB, 60_000, texts),
  echo(1, 64, 8000, tls),
  echo(16, 64, 32_000, tls),
  echo(1, 64, 16_000, ws),
  echo(16, 64, 32_000, ws),
  echo(1, 64, 16_000, wsTexts),
  echo(16, KIB, 32_000, wsTexts),
  echo(1, 64, 16_000, lasting),
  echo(16, 64, 64_000, lasting),
  // A round fits into the buffer of the server's socket, so that the kernel drops none.
  echo(1, 64, 16_000, datagrams),
  echo(4, 64, 32_000, datagrams),
  echo(1, KIB, 16_000, datagrams),
  echo(1, 64, 16_000, relay),
  echo(1, 64 * KIB, 2400, { ...relay, isRough: true }),
  {
    name: 'file of 4 MiB, each 64 KiB of it',
    program: 'file.mjs',
    load: { work: 'take', connections: 4, bytes: 4 * KIB * KIB },
    rest: [process.execPath, `${4 * KIB * KIB}`],
    each: 4 * 64,
    rounds: 12,
    isRough: true,
  },
  broadcast('broadcast', 500, {}),
  broadcast('WebSocket broadcast', 200, {
    program: 'websocket.mjs',
    protocol: 'ws',
    rest: ['all'],
  }),
  {
    name: 'accept and close',
    program: 'idle.mjs',
    load: { work: 'accept', connections: 50 },
    each: 50,
    rounds: 60,
  },
  {
    name: 'idle connection',
    program: 'idle.mjs',
    load: { work: 'idle', connections: 500 },
    each: 500,
    rounds: 4,
    window: 'kept',
  },
  {
    name: 'idle WebSocket',
    program: 'websocket.mjs',
    protocol: 'ws',
    load: { work: 'idle', connections: 500 },
    each: 500,
    rounds: 4,
    window: 'kept',
  },
  {
    name: 'idle peer of datagrams',
    program: 'datagram-peers.mjs',
    protocol: 'datagrams',
    load: { work: 'peers', connections: 100, bytes: 64 },
    each: 100,
    rounds: 20,
    window: 'kept',
  },
  {
    name: 'call, json, 1 in flight',
    program: 'call-load.mjs',
    rest: ['json'],
    each: 1,
    rounds: 8000,
  },
  {
    name: 'call, binary, 1 in flight',
    program: 'call-load.mjs',
    rest: ['binary'],
    each: 1,
    rounds: 8000,
  },
  {
    name: 'call, service, 1 in flight',
    program: 'call-load.mjs',
    rest: ['service'],
    each: 1,
    rounds: 8000,
  },
  {
    name: 'crossed delivery to 2 × 100',
    program: 'crossed-load.mjs',
    rest: ['{"members": 100}'],
    each: 200,
    rounds: 400,
  },
];

/** More bytes show nothing more in these counts. */
const SMALL = 100;

/**
 * The work whose counts are the same on a busy machine: small messages, one at a time. What a lasting connection sends
 * hangs on the time of its acknowledgements.
 */
export function isCounted({ load, protocol, isRough = false, threads = false }: Row): boolean {
  const { depth = 1, bytes = 0 } = load ?? {};
  return depth === 1 && bytes <= SMALL && protocol !== 'lasting' && !isRough && !threads;
}
