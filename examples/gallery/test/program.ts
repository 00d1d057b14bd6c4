// Systems and peers as processes of their own, and what their tests wait for.
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect } from 'vitest';
import { type PeerProgram, preparePeer } from '../src/peer.ts';

/** For what hangs only. */
const LIMIT_MS = 120_000;
/** So much comes in a message without an end; what the memory of a process that keeps none of it grows by is far less. */
const ENDLESS_MIB = 256;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const LOADER = ['--conditions=@headrace/source', '--import', '@oxc-node/core/register'];
/** Young garbage is collected early, so that the memory of a process shows what it keeps. */
const SMALL_NURSERY = '--max-semi-space-size=1';

type Env = Readonly<Record<string, string | number>>;

const running = new Set<Program>();
const prepared = new Map<string, PeerProgram>();
/** Why a program could not be started: nothing that waits for it ever comes. */
let startError: Error | undefined;

/** Waits until it gives something. */
export async function until<T>(
  look: () => T | undefined | false,
  what: string,
  limitMs = LIMIT_MS,
): Promise<T> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; ) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (startError !== undefined) throw startError;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`no ${what} within ${limitMs} ms`);
}

/** A process whose output is kept line by line. What a test leaves behind is killed after it. */
export class Program {
  readonly child: ChildProcess;
  /** Whole lines of standard output. */
  readonly lines: string[] = [];
  /** What came behind the last line end. */
  rest = '';
  errors = '';
  /** The exit code, or the signal that ended it. */
  readonly exit: Promise<number | string | null>;
  hasEnded = false;

  constructor(command: string, args: readonly string[], env: Env = {}) {
    const texts = Object.entries(env).map(([name, value]) => [name, String(value)]);
    this.child = spawn(command, args, { env: { ...process.env, ...Object.fromEntries(texts) } });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const parts = (this.rest + text).split('\n');
      this.rest = parts.pop()!;
      this.lines.push(...parts.map((line) => line.replace(/\r$/, '')));
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.child.stdin!.on('error', () => {});
    running.add(this);
    this.exit = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.errors += error.message;
        if (this.child.pid === undefined) startError ??= error;
      });
      this.child.on('close', (code, signal) => {
        this.hasEnded = true;
        running.delete(this);
        resolve(code ?? signal);
      });
    });
  }

  /** Waits for a line that matches, from line number `from` on. */
  says(pattern: RegExp, from = 0, limitMs = LIMIT_MS): Promise<RegExpExecArray> {
    const look = (): RegExpExecArray | undefined => {
      for (const line of this.lines.slice(from)) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (this.hasEnded) throw new Error(`it ended without ${pattern}: ${this.output}`);
      return undefined;
    };
    return until(look, `${pattern} in ${this.output}`, limitMs);
  }

  get output(): string {
    return [...this.lines, this.rest, this.errors].join('\n');
  }

  /** Where it listens: the first line of a system's output. */
  async port(): Promise<number> {
    const [, port] = await this.says(/^\S+:(\d+)$/);
    return Number(port);
  }

  type(text: string): void {
    this.child.stdin!.write(text);
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal);
  }

  /** Ends it as a user does, and expects that it ends well. */
  async stop(): Promise<void> {
    this.kill('SIGTERM');
    expect([await this.exit, this.errors]).toEqual([0, '']);
  }

  /** Its memory in MiB, without what it shares. */
  async memoryMiB(): Promise<number> {
    return memoryMiBOf(this.child.pid!);
  }
}

/** The memory of a process in MiB, without what it shares. */
export async function memoryMiBOf(pid: number): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(text)![1]) / 1024;
}

/**
 * Starts a system, or one role of it; on a free port if `env` names none.
 *
 * @param within - the beginning of the command, such as `ip netns exec NAME`
 */
export function system(
  name: string,
  role: string | undefined,
  env: Env = {},
  within: readonly string[] = [],
): Program {
  const own = [SMALL_NURSERY, ...LOADER, MAIN, name, ...(role === undefined ? [] : [role])];
  const [command, ...args] = [...within, process.execPath, ...own];
  return new Program(command!, args, { PORT: 0, ...env });
}

function prepare(file: string): PeerProgram {
  const program = prepared.get(file) ?? preparePeer(file);
  prepared.set(file, program);
  return program;
}

/** Ends the title of tests whose peer lacks something on this machine, and says what; throws in CI, which has it all. */
export function missing(file: string): string {
  try {
    prepare(file);
    return '';
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    return ` (skipped: ${(error as Error).message})`;
  }
}

/** Starts a program of `peers/`, compiled once for each test file. */
export function peer(
  file: string,
  args: readonly (string | number)[],
  env: Env = {},
  within: readonly string[] = [],
): Program {
  const program = prepare(file);
  const [command, ...rest] = [...within, program.command, ...program.args, ...args.map(String)];
  return new Program(command!, rest, env);
}

afterEach(async () => {
  const left = [...running];
  for (const program of left) program.kill();
  await Promise.all(left.map(({ exit }) => exit));
});

afterAll(() => {
  for (const { remove } of prepared.values()) remove();
  prepared.clear();
});

/** True if somebody listens there. */
export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

export interface Attack {
  /** The beginning of a message that never ends. */
  readonly half: string | Buffer;
  /** Of which a message has any number, without an end. */
  readonly endless?: string | Buffer;
  /** How long the silence after half a message lasts, in milliseconds. @default 15000 */
  readonly silenceMs?: number;
}

/**
 * What strangers send, to a port or the path of a Unix socket: a MiB of random bytes, a message without an end, half a
 * message and then silence, a reset in the middle. After each, `serves` has to find that the system serves the next
 * client; memory does not grow by what was sent.
 */
export async function attack(
  target: Pick<Program, 'memoryMiB' | 'hasEnded'>,
  port: number | string,
  { half, endless = 'x', silenceMs = 15_000 }: Attack,
  serves: () => Promise<unknown>,
): Promise<void> {
  const { randomBytes } = await import('node:crypto');
  const before = await target.memoryMiB();
  const send = (data: string | Buffer, then: 'end' | 'reset' | number): Promise<void> =>
    new Promise((resolve) => {
      const isPath = typeof port === 'string';
      const socket = isPath ? connect(port) : connect(port, '127.0.0.1');
      socket.on('error', () => {}).on('close', () => resolve());
      socket.resume();
      socket.write(data, () => {
        if (then === 'end') socket.end();
        else if (then === 'reset') isPath ? socket.destroy() : socket.resetAndDestroy();
        else setTimeout(() => socket.destroy(), then);
      });
      if (then === 'end') setTimeout(() => socket.destroy(), 2000);
    });
  await send(randomBytes(1 << 20), 'end');
  await serves();
  await send(Buffer.alloc(ENDLESS_MIB << 20, endless), 'end');
  await serves();
  await send(half, 'reset');
  await serves();
  const silent = send(half, silenceMs);
  await serves();
  await silent;
  await serves();
  expect(target.hasEnded).toBe(false);
  expect((await target.memoryMiB()) - before).toBeLessThan(ENDLESS_MIB / 2);
}
