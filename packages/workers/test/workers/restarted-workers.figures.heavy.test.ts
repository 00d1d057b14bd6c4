import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { BusServer, NATS_SERVER, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { figure, noteFigures } from '../../../core/test/fixture/figure.ts';
import { ProgramProcess } from './program-process.ts';

const CLIENTS = 200;
const PATIENT = { timeout: 60_000, interval: 20 };

let program: ProgramProcess | undefined;
let server: BusServer | undefined;
let clients: Client[] = [];

async function endAll(): Promise<void> {
  for (const client of clients) client.end();
  clients = [];
  await program?.kill();
  await server?.end();
  server = undefined;
}

afterEach(endAll);

/** Asks its worker for its pid, its members and those of all, and comes back when its connection is lost. */
class Client {
  ends = 0;
  answer: readonly number[] = [];
  private socket: Socket | undefined;
  private isOver = false;
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
    this.connect();
  }

  get pid(): number | undefined {
    return this.answer[0];
  }

  ask(): void {
    this.socket?.write('?\n');
  }

  end(): void {
    this.isOver = true;
    this.socket?.destroy();
  }

  private connect(): void {
    if (this.isOver) return;
    const socket = connect(this.port, '127.0.0.1');
    this.socket = socket;
    socket.on('connect', () => this.ask());
    socket.on('data', (line) => {
      this.answer = String(line).trim().split('\n').at(-1)!.split(' ').map(Number);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ends += 1;
      this.answer = [];
      setTimeout(() => this.connect(), 50 + Math.random() * 100);
    });
  }
}

async function started(env: Readonly<Record<string, string>> = {}): Promise<ProgramProcess> {
  program = new ProgramProcess('./restart-program.ts', env);
  await program.line({ type: 'ready' }, 0, 60_000);
  const port = program.lines.find(({ type }) => type === 'started')!.info as number;
  clients = Array.from({ length: CLIENTS }, () => new Client(port));
  await allKnown(CLIENTS);
  return program;
}

/** Each client sees so many in the room. */
async function allKnown(count: number): Promise<void> {
  await expect
    .poll(() => {
      for (const client of clients) client.ask();
      return clients.filter(({ answer }) => answer[2] === count).length;
    }, PATIENT)
    .toBe(clients.length);
}

function spread(): number[] {
  const counts = new Map<unknown, number>();
  for (const { pid } of clients) counts.set(pid, (counts.get(pid) ?? 0) + 1);
  return [...counts.values()].sort((one, other) => one - other);
}

/** How many more clients the busiest worker has than the idlest, after a restart of all. */
async function restarted(): Promise<number> {
  await endAll();
  const primary = await started();
  const before = spread();
  primary.signal('SIGHUP');
  await primary.line({ type: 'restarted' }, 0, 60_000);
  await allKnown(CLIENTS);
  const ends = clients.reduce((sum, one) => sum + one.ends, 0);
  const most = Math.max(...clients.map((one) => one.ends));
  noteFigures('restarted workers', { before, after: spread(), ends, most });
  expect([ends, most]).toEqual([CLIENTS, 1]);
  const [least = 0, , largest = 0] = spread();
  return largest - least;
}

/** How long it takes until all others know that the clients of a killed worker are gone, in milliseconds. */
async function counted(bus: 'process' | 'nats' | 'redis'): Promise<number> {
  await endAll();
  const env: Record<string, string> = {};
  if (bus !== 'process') {
    server = await BusServer.start(bus === 'nats' ? NATS_SERVER : REDIS_SERVER);
    env['BUS'] = JSON.stringify({ kind: bus, port: server.port });
  }
  const primary = await started(env);
  const victim = clients[0]!.pid!;
  const others = clients.filter(({ pid }) => pid !== victim);
  for (const client of clients) if (client.pid === victim) client.end();
  // In one go with the end of their connections: the worker says nothing of it.
  process.kill(victim, 'SIGKILL');
  const killedAt = performance.now();
  clients = others;
  await primary.line({ type: 'ended', pid: victim });
  await allKnown(others.length);
  return performance.now() - killedAt;
}

describe('200 clients of three workers', () => {
  // Those that come back after the last old worker has ended are handed out in turn by Node.
  it('are cut once each by a restart of all, and spread evenly after it', () =>
    figure('restarted workers: clients of one more than of another', { below: 40 }, restarted));

  // Silence would be taken for its end after 5 s.
  it.each(['process', 'nats', 'redis'] as const)(
    'are counted without those of a killed worker as soon as its process is gone: over %s',
    (bus) => figure(`killed worker, ${bus}: ms`, { below: 3000 }, () => counted(bus)),
  );
});
