// Programs that scripts run: to their end, or beside others until their output says something.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** How a program ended, and all that it printed. */
export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams as they came, and why it ended if that was no exit code. */
  readonly output: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** What hangs fails after this time, which a slow machine does not need. @default 1_200_000 */
  readonly limitMs?: number;
}

/** Runs a command without a terminal and without input; it never throws. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  { env = process.env, limitMs = 1_200_000 }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
      env: { ...env, NO_COLOR: '1', FORCE_COLOR: '0', npm_config_yes: 'true' },
      shell: process.platform === 'win32' && command !== process.execPath,
    });
    let [stdout, stderr, output] = ['', '', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      output += text;
    });
    const end = (ok: boolean, why = ''): void =>
      resolve({ ok, stdout, stderr, output: `${output}${why}`.trimEnd() });
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) =>
      end(code === 0, signal === null ? '' : `\nended by ${signal} (it has ${limitMs} ms)`),
    );
  });
}

/** The same for a command that must succeed; gives all that it printed. */
export async function must(
  command: string,
  args: readonly string[],
  cwd: string,
  env = process.env,
): Promise<string> {
  const { ok, output } = await run(command, args, cwd, { env });
  if (!ok) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`);
  return output;
}

/** For what hangs only: beside other work a project of a template compiles for a minute. */
const START_TIMEOUT_MS = 240_000;
const STOP_TIMEOUT_MS = 15_000;

/** A program that runs beside its user. */
export class Program {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private output = '';
  private readonly ended: Promise<unknown>;

  constructor(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
      stdio: 'pipe',
      // A group of its own: npm, the shell and the program end together, as by Ctrl+C.
      detached: true,
    });
    this.ended = once(this.child, 'close');
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  /** Waits until the output matches; rejects with the output if it does not in time. */
  async waitFor(pattern: RegExp, limitMs = START_TIMEOUT_MS): Promise<RegExpExecArray> {
    for (const end = Date.now() + limitMs; Date.now() < end; await delay(10)) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (this.child.exitCode !== null) break;
    }
    throw new Error(`its output never matched ${pattern}:\n${this.output}`);
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  /** Sends SIGTERM to the command alone: what it started has to notice. */
  stop(): void {
    this.child.kill('SIGTERM');
  }

  /** Sends SIGTERM to it and what it started, and waits for its end; returns its exit code. */
  async terminate(): Promise<number | null> {
    if (this.child.exitCode === null) this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
    return this.child.exitCode;
  }

  /** Waits for its end; its exit code and all that it printed. */
  async finished(): Promise<{ code: number | null; output: string }> {
    await this.ended;
    return { code: this.child.exitCode, output: this.output.trim() };
  }

  private signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.child.pid!, signal);
    } catch {
      // It has ended by itself.
    }
  }
}
