import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { figures, noteFigures } from '../../../core/test/fixture/figure.ts';
import { ProgramProcess } from './program-process.ts';

const CLIENTS = 1000;
const SECONDS = 30;
const KILLS = 15;
const MIB = 1024 * 1024;
/** For what hangs only. */
const LIMIT_MS = 120_000;

let program: ProgramProcess | undefined;
let clients: Client[] = [];

async function endAll(): Promise<void> {
  for (const client of clients) client.end();
  clients = [];
  await program?.kill();
}

afterEach(endAll);

/** Sends a line each second, and comes back when its connection is lost. */
class Client {
  answers = 0;
  losses = 0;
  private socket: Socket | undefined;
  private readonly port: number;
  private readonly timer: NodeJS.Timeout;
  private isOver = false;

  constructor(port: number) {
    this.port = port;
    this.timer = setInterval(() => this.socket?.write('hello\n'), 1000);
    this.connect();
  }

  end(): void {
    this.isOver = true;
    clearInterval(this.timer);
    this.socket?.destroy();
  }

  private connect(): void {
    if (this.isOver) return;
    const socket = connect(this.port, '127.0.0.1');
    this.socket = socket;
    socket.on('data', () => {
      this.answers += 1;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.losses += 1;
      setTimeout(() => this.connect(), 100 + Math.random() * 400);
    });
  }
}

interface Report {
  readonly heapUsed: number;
  readonly rss: number;
  readonly descriptors: number;
  readonly heard: number;
}

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe('workers that are killed every second', () => {
  const measure = async () => {
    await endAll();
    program = new ProgramProcess('./killed-program.ts', { NODE_OPTIONS: '--expose-gc' });
    await program.line({ type: 'ready' }, 0, 60_000);
    const port = program.lines.find(({ type }) => type === 'started')!.info as number;
    clients = Array.from({ length: CLIENTS }, () => new Client(port));
    await delay(3000);
    const { descriptors } = program.lines.findLast(({ type }) => type === 'report')!;

    let kills = 0;
    const from = program.lines.length;
    const killed = new Set<number>();
    // On a busy machine it takes longer than a second until somebody can be killed again.
    for (let second = 0; second < SECONDS || kills <= KILLS; second++) {
      const ended = program.lines.filter(({ type }) => type === 'ended').map(({ pid }) => pid);
      const victim = program.lines
        .filter(({ type, pid }) => type === 'started' && !ended.includes(pid))
        .map(({ pid }) => pid as number)
        .find((pid) => !killed.has(pid));
      if (victim !== undefined) {
        process.kill(victim, 'SIGKILL');
        killed.add(victim);
        kills += 1;
      }
      await delay(1000);
    }
    const reports = program.lines
      .slice(from)
      .filter(({ type }) => type === 'report') as unknown as Report[];

    expect(program.lines.filter(({ type }) => type === 'failed')).toHaveLength(0);
    const third = Math.floor(reports.length / 3);
    const [early, late] = [reports.slice(0, third), reports.slice(-third)];
    const middleOf = (some: readonly Report[], name: 'heapUsed' | 'rss'): number =>
      middle(some.map((one) => one[name])) / MIB;
    noteFigures('killed workers', {
      kills,
      losses: clients.reduce((sum, { losses }) => sum + losses, 0),
      heard: reports.at(-1)!.heard,
      heapMiB: [middleOf(early, 'heapUsed'), middleOf(late, 'heapUsed')],
      rssMiB: [middleOf(early, 'rss'), middleOf(late, 'rss')],
    });
    expect(reports.at(-1)!.heard).toBeGreaterThan(CLIENTS);

    // All are served again.
    const before = clients.map(({ answers }) => answers);
    await expect
      .poll(() => clients.filter(({ answers }, i) => answers > before[i]!).length, {
        timeout: LIMIT_MS,
        interval: 250,
      })
      .toBe(CLIENTS);
    // Meanwhile there were more: while all workers are dead, the primary keeps the connections that come.
    const left = (): number =>
      program!.lines.findLast(({ type }) => type === 'report')!.descriptors as number;
    await expect
      .poll(() => left() - (descriptors as number), { timeout: LIMIT_MS })
      .toBeLessThan(16);
    program.signal('SIGTERM');
    expect(await program.exited).toEqual({ code: 0, signal: null });
    return { 'grown MiB': middleOf(late, 'heapUsed') - middleOf(early, 'heapUsed') };
  };

  it('leave the memory and the descriptors of the primary flat, under 1,000 clients for half a minute', () =>
    figures('killed workers', { 'grown MiB': { below: 2 } }, measure));
});
