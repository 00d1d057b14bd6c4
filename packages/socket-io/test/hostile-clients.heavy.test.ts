// Clients that want to harm the server, over both transports, beside one that behaves well.
import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess } from '../../core/test/fixture/server-process.ts';
import { BOTH, CLIENT_BYTES, KINDS, type Kind, type Transport } from './proof/hostile-kinds.ts';
import { Peers, type WebSocketPeer } from './proof/raw-peer.ts';

/** As for each codec: what is counted takes at most so many times the memory. */
const TIMES = 4;
/** Compiled code, tables that have grown, and what the collector leaves. */
const NOISE_BYTES = 6_000_000;
/** Garbage that the process had not collected, and memory that its allocator keeps. */
const GARBAGE_BYTES = 250_000_000;
/** Processor time of one turn, a collection of the whole heap included. */
const LONGEST_TURN_MS = 400;
/** Lines of one kind, whatever the number of clients and packets. */
const MOST_LINES = 40;
/** A frame with a ping of Engine.IO. */
const PING = '\x81\x012';
const [SAMPLES, SAMPLE_MS] = [4, 200];

interface Report {
  readonly live: number;
  readonly rss: number;
  readonly longestTurnMs: number;
  readonly unhandled: number;
  readonly isPolluted: boolean;
  readonly lines: readonly string[];
}

/** A client that asks, and is answered, while others attack. */
class GoodClient {
  answers = 0;
  private readonly peers: Peers;
  private peer!: WebSocketPeer;

  constructor(port: number) {
    this.peers = new Peers(port);
  }

  async start(): Promise<this> {
    this.peer = await this.peers.openWebSocket('');
    await this.peer.send(['40', '421["ask"]']);
    this.peer.socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1');
      if (text.includes(PING)) void this.peer.send(['3']);
      if (!text.includes('431[')) return;
      this.answers += 1;
      void this.peer.send(['421["ask"]']);
    });
    this.peer.reads();
    return this;
  }

  get isServed(): boolean {
    return !this.peer.socket.destroyed;
  }

  end(): void {
    this.peers.end();
  }
}

let server: ServerProcess;
let port: number;
let good: GoodClient;
/** The lines of other kinds. Some refusals are logged once for a server. */
const earlier: string[] = [];

beforeAll(async () => {
  server = new ServerProcess(new URL('proof/hostile-server.ts', import.meta.url));
  port = Number(await server.line('listening'));
  good = await new GoodClient(port).start();
});

afterAll(() => {
  good?.end();
  server?.[Symbol.dispose]();
});

async function report(): Promise<Report> {
  // A connection that is kept alive can end while the next request is sent.
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  return (await answer.json()) as Report;
}

/** The most of several reports, because the server may not have read everything yet. */
async function whileAttacked(): Promise<Report> {
  let most = await report();
  for (let i = 0; i < SAMPLES; i++) {
    await wait(SAMPLE_MS);
    const next = await report();
    most = {
      ...next,
      live: Math.max(most.live, next.live),
      rss: Math.max(most.rss, next.rss),
      longestTurnMs: Math.max(most.longestTurnMs, next.longestTurnMs),
      lines: [...most.lines, ...next.lines],
    };
  }
  return most;
}

/** Attacks, and returns what the server says when the attackers are still there and after their time. */
async function attacked({ attack, line, once = false }: Kind, transport: Transport) {
  const peers = new Peers(port);
  const before = await report();
  const clients = await attack(peers, transport);
  const during = await whileAttacked();
  const lines = [...during.lines];
  const isThere = () =>
    line === undefined || [...(once ? earlier : []), ...lines].some((text) => line.test(text));
  await expect
    .poll(
      async () => {
        lines.push(...(await report()).lines);
        return isThere() || lines;
      },
      { timeout: 30_000, interval: 250 },
    )
    .toBe(true);
  peers.end();
  earlier.push(...lines);
  return { clients, before, during, lines };
}

function note(values: object): void {
  const file = process.env['HOSTILE_TABLE'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(values)}\n`);
}

describe.each(BOTH)('over %s', (transport) => {
  const kinds = KINDS.filter(({ on = BOTH }) => on.includes(transport));

  it.each(kinds)('$name', async (kind) => {
    const answered = good.answers;
    const { clients, before, during, lines } = await attacked(kind, transport);
    const counted = (kind.counted ?? 0) + clients * CLIENT_BYTES;
    const grown = during.live - before.live;
    const ofKind = kind.line === undefined ? [] : lines.filter((text) => kind.line!.test(text));
    note({
      kind: kind.name,
      transport,
      counted,
      grown,
      rss: during.rss - before.rss,
      turnMs: Math.round(during.longestTurnMs),
      answers: good.answers - answered,
      lines: lines.length,
      line: ofKind[0]?.slice(0, 220),
    });
    expect(grown).toBeLessThan(TIMES * counted + NOISE_BYTES);
    expect(during.rss - before.rss).toBeLessThan(TIMES * counted + GARBAGE_BYTES);
    expect(during.longestTurnMs).toBeLessThan(kind.turnMs ?? LONGEST_TURN_MS);
    expect(lines.length).toBeLessThan(MOST_LINES);
    expect([during.unhandled, during.isPolluted]).toEqual([0, false]);
    const served = good.answers;
    await expect.poll(() => good.answers).toBeGreaterThan(served);
    expect(good.isServed).toBe(true);
  });
});
