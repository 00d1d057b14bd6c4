import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@headrace/workers';
import { pinned } from './machine.ts';

/** How a bus's server is started, and where it is then. */
interface BusProgram {
  readonly command: string;
  readonly protocol: string;
  readonly args: (port: number, folder: string) => readonly string[];
}

export const NATS: BusProgram = {
  command: 'nats-server',
  protocol: 'nats',
  args: (port) => ['-a', '127.0.0.1', '-p', String(port)],
};

export const REDIS: BusProgram = {
  command: 'redis-server',
  protocol: 'redis',
  args: (port, folder) => [
    ...['--bind', '127.0.0.1', '--port', String(port)],
    ...['--dir', folder, '--save', ''],
  ],
};

/** As {@link NATS}, with JetStream in files. */
export const JET_STREAM: BusProgram = {
  ...NATS,
  args: (port, folder) => [...NATS.args(port, folder), '-js', '-sd', folder],
};

/** As {@link REDIS}, where what is acknowledged is on the disk. */
export const SAFE_REDIS: BusProgram = {
  ...REDIS,
  args: (port, folder) => [
    ...REDIS.args(port, folder),
    ...['--appendonly', 'yes', '--appendfsync', 'always'],
  ],
};

/** A server that nodes are connected by, on a free port. */
export class BusProcess implements AsyncDisposable {
  readonly url: string;
  private readonly program: BusProgram;
  private readonly port: number;
  private readonly folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'));
  private child!: ChildProcess;

  private constructor(program: BusProgram, port: number) {
    this.url = `${program.protocol}://127.0.0.1:${port}`;
    this.program = program;
    this.port = port;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** CPU time so far, user and system; ticks are 10 ms. */
  get cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Undefined, with a line that says so, where the program is not installed. */
  static async start(program: BusProgram): Promise<BusProcess | undefined> {
    const { command } = program;
    if (spawnSync(command, ['--version']).status !== 0) {
      console.log(`\nskipped: there is no ${command} here (Debian: apt-get install ${command})`);
      return undefined;
    }
    const bus = new BusProcess(program, await freePort('127.0.0.1', 0));
    await bus.begin();
    return bus;
  }

  /** Kills it, and starts it again at the same place. */
  async restart(): Promise<void> {
    await this.kill();
    await this.begin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async begin(): Promise<void> {
    const { program, port, folder } = this;
    const [first, ...rest] = pinned(1, [program.command, ...program.args(port, folder)]);
    this.child = spawn(first!, rest, { stdio: 'ignore' });
    const deadline = performance.now() + 10_000;
    while (!(await accepts(port))) {
      if (performance.now() > deadline) throw new Error(`${program.command} does not answer`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
