import { Buffer } from 'node:buffer';
import type {
  DatagramNetwork,
  DatagramPlace,
  DatagramSettings,
  DatagramSocket,
  DatagramSocketUser,
} from '../transport/datagram-network.ts';
import type { TestRunner } from './test-runner.ts';

/** A datagram network under test, which must not lose datagrams. */
export interface DatagramBench {
  /** Name in the titles of the tests. */
  readonly name: string;
  /** Network of the first socket of a test. */
  readonly network: DatagramNetwork;
  /** Network of the other sockets. @default the value of `network` */
  readonly other?: DatagramNetwork;
  /** Host name or address by which the other sockets reach the first socket. @default 127.0.0.1 */
  readonly host?: string;
}

const SETTINGS: DatagramSettings = {
  family: 4,
  ipv6Only: false,
  reuseAddr: false,
  reusePort: false,
  broadcast: false,
  receiveBufferBytes: undefined,
  sendBufferBytes: undefined,
  ttl: undefined,
  multicastTtl: undefined,
  multicastLoopback: undefined,
  multicastInterface: undefined,
};

/** A socket user that records all reports. */
class Reports implements DatagramSocketUser {
  readonly events: string[] = [];
  readonly senders: { readonly host: string; readonly port: number }[] = [];

  bound(): void {
    this.events.push('bound');
  }

  arrived(bytes: Buffer, host: string, port: number): void {
    this.senders.push({ host, port });
    this.events.push(`read ${bytes.toString('latin1', 0, 20)}`);
  }

  caught(error: Error): void {
    this.events.push(`caught ${(error as NodeJS.ErrnoException).code}`);
  }

  failed(error: Error): void {
    this.events.push(`failed ${(error as NodeJS.ErrnoException).code}`);
  }

  closed(): void {
    this.events.push('closed');
  }

  async until(event: string): Promise<void> {
    for (const end = Date.now() + 20_000; !this.events.includes(event); await nextTurn()) {
      if (Date.now() > end) throw new Error(`no "${event}" in 20 s, but ${this.events.join(', ')}`);
    }
  }
}

/**
 * Adds tests of the contract that the sockets of a {@link DatagramNetwork} must keep. The tests check the order of reports,
 * the borders of datagrams, senders, refusals and ends. Run the tests for a network of your own.
 *
 * @example
 * ```ts
 * describeDatagramTransport({ describe, it, expect }, { name: 'VPN', network: vpn });
 * ```
 */
export function describeDatagramTransport(
  { describe, it, expect }: TestRunner,
  bench: DatagramBench,
): void {
  const { network, other = network, host = '127.0.0.1' } = bench;
  const test = (name: string, body: (open: Opener) => Promise<void>) =>
    it(name, () => withSockets(body));
  describe(`the contract of datagrams: ${bench.name}`, () => {
    test('reports that it is bound, not from within open, and then its address', async (open) => {
      const { socket, reports } = open(network, { port: 0, groups: [] });
      expect(reports.events).toEqual([]);
      await reports.until('bound');
      expect((socket.localAddress as { port: number }).port).toBeGreaterThan(0);
    });

    test('keeps the borders of datagrams, also of empty ones, and says who sent them', async (open) => {
      const far = await bound(open, network, { port: 0, groups: [] });
      const near = await bound(open, other, { port: 0, groups: [] });
      for (const text of ['one', '', 'two'])
        await send(near.socket, text, host, portOf(far.socket));
      await far.reports.until('read two');
      expect([...far.reports.events].sort()).toEqual(['bound', 'read ', 'read one', 'read two']);
      const { host: from, port } = far.reports.senders[0]!;
      expect(port).toBe(portOf(near.socket));
      await send(far.socket, 'answer', from, port);
      await near.reports.until('read answer');
    });

    test('reports outcomes in order, each after its call, and a too long one with EMSGSIZE', async (open) => {
      const { socket } = await bound(open, network, { port: 0, groups: [] });
      const outcomes: (string | undefined)[] = [];
      const port = portOf(socket);
      for (const bytes of [Buffer.from('a'), Buffer.alloc(70_000), Buffer.from('b')]) {
        socket.send(bytes, '127.0.0.1', port, (error) => {
          outcomes.push((error as NodeJS.ErrnoException | null)?.code);
        });
      }
      expect(outcomes).toEqual([]);
      while (outcomes.length < 3) await nextTurn();
      expect(outcomes).toEqual([undefined, 'EMSGSIZE', undefined]);
    });

    test('does not see what the sender does to its memory afterwards', async (open) => {
      const { socket, reports } = await bound(open, network, { port: 0, groups: [] });
      const bytes = Buffer.from('before');
      await new Promise((resolve) => socket.send(bytes, '127.0.0.1', portOf(socket), resolve));
      bytes.fill('x');
      await reports.until('read before');
    });

    test('with one peer it sends without an address, and hears nobody else', async (open) => {
      const far = await bound(open, network, { port: 0, groups: [] });
      const peer = { host, port: portOf(far.socket) };
      const near = await bound(open, other, { port: 0, peer, groups: [] });
      const stranger = await bound(open, other, { port: 0, groups: [] });
      await send(near.socket, 'hello', undefined, 0);
      await far.reports.until('read hello');
      const { host: from, port } = far.reports.senders[0]!;
      await send(stranger.socket, 'stranger', from, port);
      await send(far.socket, 'peer', from, port);
      await near.reports.until('read peer');
      expect(near.reports.events).toEqual(['bound', 'read peer']);
      expect((near.socket.remoteAddress as { port: number }).port).toBe(peer.port);
    });

    test('with one peer it reports that nobody listens there, and goes on', async (open) => {
      const gone = await bound(open, network, { port: 0, groups: [] });
      const peer = { host, port: portOf(gone.socket) };
      gone.socket.close();
      await gone.reports.until('closed');
      const near = await bound(open, other, { port: 0, peer, groups: [] });
      let failures = 0;
      const isRefused = () => failures > 0 || near.reports.events.includes('caught ECONNREFUSED');
      // The refusal arrives later: with a read, or with the next send.
      for (let sends = 0; sends < 20 && !isRefused(); sends++) {
        near.socket.send(Buffer.from('x'), undefined, 0, (error) => {
          if ((error as NodeJS.ErrnoException | null)?.code === 'ECONNREFUSED') failures += 1;
        });
        for (let turns = 0; turns < 100 && !isRefused(); turns++) await nextTurn();
      }
      expect(isRefused()).toBe(true);
      expect(near.reports.events.includes('closed')).toBe(false);
    });

    test('refuses a port that is taken, and a name that is unknown', async (open) => {
      const { socket } = await bound(open, network, { port: 0, groups: [] });
      const second = open(network, { port: portOf(socket), groups: [] });
      await second.reports.until('failed EADDRINUSE');
      const peer = { host: 'no-such-host.invalid', port: 9 };
      const lost = open(network, { port: 0, peer, groups: [] });
      const failed = () => lost.reports.events.some((event) => event.startsWith('failed E'));
      while (!failed()) await nextTurn();
    });

    test('reports its end once, and nothing after it; the port is free again', async (open) => {
      const first = await bound(open, network, { port: 0, groups: [] });
      const port = portOf(first.socket);
      first.socket.close();
      first.socket.close();
      await first.reports.until('closed');
      await bound(open, network, { port, groups: [] });
      expect(first.reports.events).toEqual(['bound', 'closed']);
    });

    test('closed before it is bound, it reports the end alone', async (open) => {
      const { socket, reports } = open(network, { port: 0, groups: [] });
      socket.close();
      await reports.until('closed');
      expect(reports.events).toEqual(['closed']);
    });
  });
}

interface Opened {
  readonly socket: DatagramSocket;
  readonly reports: Reports;
}

type Opener = (network: DatagramNetwork, place: DatagramPlace) => Opened;

async function withSockets(body: (open: Opener) => Promise<void>): Promise<void> {
  const all: DatagramSocket[] = [];
  try {
    await body((network, place) => {
      const socket = network.datagramSocket(place, SETTINGS);
      const reports = new Reports();
      all.push(socket);
      socket.open(reports);
      return { socket, reports };
    });
  } finally {
    for (const socket of all) socket.close();
  }
}

async function bound(
  open: Opener,
  network: DatagramNetwork,
  place: DatagramPlace,
): Promise<Opened> {
  const opened = open(network, place);
  await opened.reports.until('bound');
  return opened;
}

function portOf({ localAddress }: DatagramSocket): number {
  return (localAddress as { port: number }).port;
}

function send(
  socket: DatagramSocket,
  text: string,
  host: string | undefined,
  port: number,
): Promise<void> {
  return new Promise((resolve, reject) =>
    socket.send(Buffer.from(text), host, port, (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
