import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { NodeProcess } from '../../../cluster/test/proof/node-process.ts';
import {
  BusServer,
  NATS_SERVER,
  type ServerProgram,
} from '../../../core/test/fixture/bus-server.ts';
import type { Counters, GatewayProgramSettings, Noted } from './gateway-program.ts';

const PROGRAM = new URL('gateway-program.ts', import.meta.url).href;

/** For what hangs only. */
export const PATIENCE = { timeout: 120_000, interval: 50 };

/** A client with this address of its own ends each worker that begins with it. */
export const POISONED = '127.0.0.66';

/** The states of TCP connections in `/proc/net/tcp`. The peer of the second has sent a FIN that the program did not answer. */
const ESTABLISHED = '01';
const CLOSE_WAIT = '08';

type Options = Omit<GatewayProgramSettings, 'role' | 'name' | 'journal' | 'bus'>;

/** A process of the box: what a stranger sees of a gateway, a worker or a server of the HTTP API. */
export class BoxNode {
  readonly name: string;
  readonly process: NodeProcess;
  port = 0;

  constructor(name: string, started: NodeProcess) {
    this.name = name;
    this.process = started;
  }

  counters(): Promise<Counters> {
    return this.process.ask<Counters>('counters');
  }

  /** A call of `connectionsOf` in this process. */
  call<Result>(name: string, ...args: unknown[]): Promise<Result> {
    return this.process.ask<Result>('call', { name, args });
  }

  /** Ends it as a deploy does. */
  async leaves(): Promise<void> {
    this.process.signal('SIGTERM');
    expect(await this.process.exited).toEqual([0, null]);
  }
}

/** Gateways, workers and servers of the API as processes over the server of a bus, and what they have written down. */
export class GatewayBox {
  readonly server: BusServer;
  private readonly kind: 'nats' | 'redis';
  private readonly folder = mkdtempSync(join(tmpdir(), 'headrace-box-'));
  private readonly started: BoxNode[] = [];
  private readonly clients: BoxClient[] = [];
  private readonly entries: Noted[] = [];
  private read = 0;
  private rest = '';
  private names = 0;
  private isOver = false;
  private readonly successors: Promise<void>[] = [];

  private constructor(server: BusServer, kind: 'nats' | 'redis') {
    this.server = server;
    this.kind = kind;
  }

  static async start(program: ServerProgram = NATS_SERVER): Promise<GatewayBox> {
    const server = await BusServer.start(program);
    return new GatewayBox(server, program.command === 'redis-server' ? 'redis' : 'nats');
  }

  gateway(gateway: Options['gateway'] = {}, options: Options = {}): Promise<BoxNode> {
    return this.startNode('gateway', { ...options, gateway });
  }

  worker(options: Options = {}): Promise<BoxNode> {
    return this.startNode('worker', options);
  }

  /** @param busPort - where it finds the bus, if not at the server itself */
  api(options: Options['api'], busPort?: number): Promise<BoxNode> {
    return this.startNode('api', { api: options! }, busPort);
  }

  /** So many workers: each that is killed has a successor. */
  async keepWorkers(count: number, options: Options = {}): Promise<void> {
    const keep = async (): Promise<void> => {
      const worker = await this.worker(options);
      void worker.process.exited.then(() => {
        if (!this.isOver) this.successors.push(keep());
      });
    };
    await Promise.all(Array.from({ length: count }, keep));
  }

  async connect(gateway: BoxNode, name: string, options: net.TcpNetConnectOpts | object = {}) {
    const client = await BoxClient.connect(gateway.port, name, options);
    this.clients.push(client);
    return client;
  }

  /** @param prefix - of the names of the clients */
  connectAll(gateway: BoxNode, count: number, prefix = 'c'): Promise<BoxClient[]> {
    const names = Array.from({ length: count }, (_, i) => `${prefix}${i}`);
    return Promise.all(names.map((name) => this.connect(gateway, name)));
  }

  /** What the processes have written down, in the order of all. */
  journal(what?: Noted['what']): readonly Noted[] {
    this.readOn();
    return what === undefined ? this.entries : this.entries.filter((one) => one.what === what);
  }

  /** What happened to each line that a gateway has read. */
  lines(): Map<string, LineStory> {
    const stories = new Map<string, LineStory>();
    for (const { what, line, by, repeated } of this.journal()) {
      if (line === undefined) continue;
      let story = stories.get(line);
      if (story === undefined) {
        story = { accepted: 0, local: 0, begun: [], ended: 0 };
        stories.set(line, story);
      }
      if (what === 'accepted') story.accepted += 1;
      else if (what === 'local') story.local += 1;
      else if (what === 'end') story.ended += 1;
      else if (what === 'begin') story.begun.push({ by, repeated: repeated === true });
    }
    return stories;
  }

  /** The connections that this gateway's process still has, and those that their peers have left and it has not closed. */
  sockets({ port }: BoxNode): { readonly open: number; readonly closeWait: number } {
    const states = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local]) => Number.parseInt(local?.split(':')[1] ?? '', 16) === port)
      .map(([, , , state]) => state)
      // Not those that only the kernel still has.
      .filter((state) => state === ESTABLISHED || state === CLOSE_WAIT);
    return {
      open: states.length,
      closeWait: states.filter((state) => state === CLOSE_WAIT).length,
    };
  }

  /** Waits until the gateway has no connection any more, neither in its counters nor in the kernel. */
  async expectNoneLeft(gateway: BoxNode): Promise<void> {
    await expect.poll(() => this.sockets(gateway), PATIENCE).toEqual({ open: 0, closeWait: 0 });
    await expect.poll(async () => (await gateway.counters()).connections, PATIENCE).toBe(0);
  }

  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.successors);
    for (const client of this.clients) client.destroy();
    for (const { process } of this.started) process.signal('SIGCONT');
    await Promise.all(this.started.map(({ process }) => process.kill()));
    await this.server.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async startNode(
    role: GatewayProgramSettings['role'],
    options: Options,
    busPort = this.server.port,
  ): Promise<BoxNode> {
    this.names += 1;
    const name = `${role}-${this.names}`;
    const bus = { kind: this.kind, port: busPort };
    const journal = join(this.folder, 'journal');
    const started = { role, name, journal, bus, poisoned: POISONED, ...options };
    const node = new BoxNode(name, await NodeProcess.start(PROGRAM, started));
    this.started.push(node);
    if (role !== 'worker') node.port = await node.process.ask<number>('port');
    return node;
  }

  private readOn(): void {
    let file: number;
    try {
      file = openSync(join(this.folder, 'journal'), 'r');
    } catch {
      return;
    }
    const piece = Buffer.alloc(1024 * 1024);
    for (;;) {
      const length = readSync(file, piece, 0, piece.length, this.read);
      if (length === 0) break;
      this.read += length;
      const lines = (this.rest + piece.toString('latin1', 0, length)).split('\n');
      this.rest = lines.pop()!;
      for (const line of lines) this.entries.push(JSON.parse(line) as Noted);
    }
    closeSync(file);
  }
}

export interface LineStory {
  accepted: number;
  local: number;
  ended: number;
  readonly begun: { readonly by: string; readonly repeated: boolean }[];
}

/** A plain socket with a name, which says lines and keeps what it hears. */
export class BoxClient {
  readonly name: string;
  readonly heard: string[] = [];
  readonly said: string[] = [];
  /** Whether the other end has ended in order. */
  hasEnded = false;
  isClosed = false;
  readonly socket: net.Socket;

  private constructor(name: string, socket: net.Socket) {
    this.name = name;
    this.socket = socket;
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop()!;
      this.heard.push(...parts);
    });
    socket.on('end', () => {
      this.hasEnded = true;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async connect(port: number, name: string, options: object): Promise<BoxClient> {
    const socket = net.connect({ host: '127.0.0.1', port, ...options });
    const client = new BoxClient(name, socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return client;
  }

  /** Says one more line: the verb, the own name, a number, and perhaps an argument. Returns the line. */
  say(verb = 'say', argument?: string | number): string {
    const line = [verb, this.name, this.said.length + 1, argument]
      .filter((one) => one !== undefined)
      .join(' ');
    this.said.push(line);
    this.socket.write(`${line}\n`);
    return line;
  }

  /** Says so many lines with one write. */
  sayAtOnce(count: number): void {
    this.socket.cork();
    for (let i = 0; i < count; i += 1) this.say();
    this.socket.uncork();
  }

  /** Says lines of an earlier connection once more. @param all - all lines of that connection, which count on */
  repeat(all: readonly string[], lines: readonly string[]): void {
    this.said.push(...all);
    for (const line of lines) this.socket.write(`${line}\n`);
  }

  hears(line: string): Promise<void> {
    return expect.poll(() => this.heard.includes(line), PATIENCE).toBe(true);
  }

  /** Says a line, waits until a worker has handled it, and returns what the worker wrote behind the line before. */
  async asks(verb: string, argument?: string | number): Promise<string> {
    const line = this.say(verb, argument);
    await this.hears(line);
    return this.heard.find((one) => one.startsWith(`${line} `))?.slice(line.length + 1) ?? '';
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Each of them says so many lines, one after the other. */
export async function talk(
  clients: readonly BoxClient[],
  count: number,
  everyMs: number,
): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    for (const client of clients) if (!client.isClosed) client.say();
    await delay(everyMs);
  }
}

/** Each of them says lines until it is over, faster than workers answer, but with an end to what waits. */
export async function talkUntil(over: Promise<unknown>, clients: readonly BoxClient[]) {
  let isOver = false;
  const noted = over.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    for (const client of clients) if (client.said.length - client.heard.length < 150) client.say();
    await delay(5);
  }
  await noted;
}

/** Waits until each of them has heard all that it said, in whatever order and however often. */
export async function expectAllAnswered(clients: readonly BoxClient[]): Promise<void> {
  const waiting = (): string[] =>
    clients.flatMap(({ said, heard }) => {
      const all = new Set(heard);
      return said.filter((line) => !all.has(line));
    });
  await expect.poll(waiting, PATIENCE).toEqual([]);
}

/** Each of them has heard what it said, each once and in order, and nothing else. */
export function expectEachOnce(clients: readonly BoxClient[]): void {
  for (const { heard, said } of clients) expect(heard).toEqual(said);
}

/**
 * No line of a client came to a worker before the one before it, though it may have come again.
 *
 * @param maxLost - how many lines of a client in a row may have come to no worker
 */
export function expectOrder(box: GatewayBox, maxLost = 0): void {
  const highest = new Map<string, number>();
  for (const { line } of box.journal('begin')) {
    const [, name, number] = line!.split(' ');
    const before = highest.get(name!) ?? 0;
    expect(Number(number), line).toBeLessThanOrEqual(before + 1 + maxLost);
    highest.set(name!, Math.max(before, Number(number)));
  }
}
