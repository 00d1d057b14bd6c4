import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@headrace/cluster/workers';

/** For a server that hangs: a minute and more. */
const MAX_TRIES = 3000;

/** How a server of Debian's is started. */
export interface ServerProgram {
  readonly command: string;
  readonly args: (port: number, folder: string) => readonly string[];
  /** Sent by a client of a server that does not speak first. */
  readonly asked?: string;
  /** The answer once it serves: before, it may accept connections and refuse commands. */
  readonly answer: RegExp;
}

export const NATS_SERVER: ServerProgram = {
  command: 'nats-server',
  args: (port, folder) => ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder],
  answer: /^INFO/,
};

export const REDIS_SERVER: ServerProgram = {
  command: 'redis-server',
  args: (port, folder) => [
    ...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', ''],
    ...['--appendonly', 'yes', '--appendfsync', 'always'],
  ],
  asked: 'PING\r\n',
  // Some tests give it passwords. One that loads what it stored answers LOADING.
  answer: /^(\+PONG|-NOAUTH)/,
};

/** What stands behind the title of tests that need a program which is not here; throws in CI, where all are. */
export function missing({ command }: ServerProgram): string {
  if (spawnSync(command, ['--version']).status === 0) return '';
  if (process.env['CI'] === 'true')
    throw new Error(`${command} is missing: apt-get install ${command}`);
  return ` (skipped: there is no ${command} here)`;
}

/** A server of its own on a free port, with its data in a folder of its own. */
export class BusServer {
  readonly port: number;
  private readonly program: ServerProgram;
  private readonly more: readonly string[];
  private readonly folder: string;
  private child: ChildProcess | undefined = undefined;

  private constructor(program: ServerProgram, port: number, more: readonly string[]) {
    this.program = program;
    this.port = port;
    this.more = more;
    this.folder = mkdtempSync(join(tmpdir(), `headrace-${program.command}-`));
  }

  static async start(program: ServerProgram, ...more: string[]): Promise<BusServer> {
    // None that the system gives to others while the server is killed.
    const server = new BusServer(program, await freePort('127.0.0.1', 0), more);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const { command, args } = this.program;
    const all = [...args(this.port, this.folder), ...this.more];
    this.child = spawn(command, all, { stdio: 'ignore' });
    for (let tries = 1; !(await serves(this.port, this.program)); tries += 1) {
      if (this.child.exitCode !== null) {
        throw new Error(`${command} ended with ${this.child.exitCode} before it listened`);
      }
      if (tries === MAX_TRIES) throw new Error(`${command} answers nothing that it should`);
      await delay(20);
    }
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Resolves when it stands still: its threads may run on for a moment after the signal. */
  async stop(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    child.kill('SIGSTOP');
    while (!/\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))) await delay(5);
  }

  continue(): void {
    this.child?.kill('SIGCONT');
  }

  /** Kills it and removes what it stored. */
  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function serves(port: number, { asked, answer }: ServerProgram): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    if (asked !== undefined) socket.write(asked);
    socket.once('data', (bytes) => {
      resolve(answer.test(bytes.toString('latin1')));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
